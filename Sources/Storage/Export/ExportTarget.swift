public import Foundation
import Keyring
public import SecretMemory

#if canImport(Glibc)
  import Glibc
#endif

/// Where an export goes. Until ``finish()`` everything is under another name, `….partial`; what is let go of before is
/// removed.
public final class ExportTarget {
  /// In which form.
  public enum Form: Hashable, Sendable {
    /// A folder, plain.
    case folder
    /// A tar archive, plain.
    case archive
    /// A tar archive that is sealed to a passphrase.
    case sealed

    /// The form that a name asks for.
    public init(path: String) {
      self = path.hasSuffix(".age") ? .sealed : path.hasSuffix(".tar") ? .archive : .folder
    }
  }

  /// How unfinished exports end.
  public static let unfinished = ".partial"

  private enum Place {
    case folder
    case archive(TarWriter, OutputFile, AgeWriter?)
  }

  private let path: String
  private let partial: String
  private let place: Place
  private var isFinished = false

  /// Makes sure that nothing is in the place of what is to be written.
  /// - Throws: ``ExportFault/targetExists(_:)`` or ``ExportFault/unfinished(_:)``.
  public static func check(_ path: String, form: Form) throws(ExportFault) {
    var status = stat()
    if lstat(path, &status) == 0 {
      let entries = try? FileManager.default.contentsOfDirectory(atPath: path)
      guard form == .folder, status.st_mode & S_IFMT == S_IFDIR, entries?.isEmpty == true else {
        throw .targetExists(path)
      }
    }
    guard lstat(path + unfinished, &status) != 0 else { throw .unfinished(path + unfinished) }
  }

  /// - Parameter passphrase: what it is sealed to; nil for a plain one.
  /// - Throws: ``ExportFault``, ``AgeFault``.
  public init(
    _ path: String, form: Form, passphrase: borrowing SecretBytes?, date: Date
  ) throws {
    try Self.check(path, form: form)
    self.path = path
    partial = path + Self.unfinished
    switch form {
    case .folder:
      guard mkdir(partial, 0o700) == 0 else { throw OutputFile.failure(partial) }
      var status = stat()
      guard lstat(partial, &status) == 0, status.st_mode & 0o077 == 0 else {
        rmdir(partial)
        throw ExportFault.openToOthers(path)
      }
      place = .folder
    case .archive, .sealed:
      let file = try OutputFile(creating: partial, isPlain: form == .archive)
      do {
        var age: AgeWriter?
        switch passphrase {
        case .some(let passphrase): age = try AgeWriter(passphrase: passphrase, to: file)
        case .none: break
        }
        place = .archive(try TarWriter(to: age ?? file, date: date), file, age)
      } catch {
        unlink(partial)
        throw error
      }
    }
  }

  deinit {
    if !isFinished { try? FileManager.default.removeItem(atPath: partial) }
  }

  /// Adds a file of exactly `bytes` bytes, which `content` gives piece by piece until it gives nil.
  /// - Throws: ``ExportFault``, or what `content` throws.
  public func add(_ file: String, bytes: Int, _ content: () throws -> Data?) throws {
    switch place {
    case .archive(let tar, _, _):
      try tar.begin(file, bytes: bytes)
      while let piece = try content() { try tar.write(piece) }
    case .folder:
      let whole = "\(partial)/\(file)"
      try makeFolders(for: file)
      let output = try OutputFile(creating: whole, isPlain: true)
      while let piece = try content() { try output.write(piece) }
      try output.synchronize()
    }
  }

  public func add(_ file: String, _ bytes: Data) throws {
    var whole: Data? = bytes
    try add(file, bytes: bytes.count) {
      defer { whole = nil }
      return whole
    }
  }

  /// Makes it outlive a power cut, and gives it its name.
  /// - Throws: ``ExportFault``.
  public func finish() throws {
    switch place {
    case .archive(let tar, let file, let age):
      try tar.finish()
      try age?.finish()
      try file.synchronize()
      try name()
    case .folder:
      for folder in try FileManager.default.subpathsOfDirectory(atPath: partial) {
        PrivateFile.synchronizeFolder("\(partial)/\(folder)")
      }
      PrivateFile.synchronizeFolder(partial)
      // Over an empty folder, and over nothing else.
      guard rename(partial, path) == 0 else {
        throw [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno)
          ? ExportFault.targetExists(path) : OutputFile.failure(path)
      }
    }
    isFinished = true
    PrivateFile.synchronizeFolder(URL(filePath: path).deletingLastPathComponent().path)
  }

  /// Gives the file its name, over nothing that is there: a rename would replace it.
  private func name() throws {
    if link(partial, path) == 0 {
      unlink(partial)
      return
    }
    guard errno != EEXIST else { throw ExportFault.targetExists(path) }
    // A file system without second names.
    var status = stat()
    guard lstat(path, &status) != 0 else { throw ExportFault.targetExists(path) }
    guard rename(partial, path) == 0 else { throw OutputFile.failure(path) }
  }

  private func makeFolders(for file: String) throws {
    var folder = partial
    for part in file.split(separator: "/").dropLast() {
      folder += "/\(part)"
      guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw OutputFile.failure(folder) }
    }
  }
}
