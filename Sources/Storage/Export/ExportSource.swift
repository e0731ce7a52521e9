public import Foundation
public import SecretMemory

#if canImport(Glibc)
  import Glibc
#endif

/// An export that is read, from a folder or an archive; what it is, is found by looking. What is in it is proven against its
/// list of contents by whoever reads it.
public final class ExportSource {
  /// A file in it.
  public struct Entry: Hashable, Sendable {
    public let path: String
    public let bytes: Int
  }

  private enum Place {
    /// The folder and the files that are left, in reverse.
    case folder(String, [String])
    case archive(TarReader)
  }

  private let path: String
  private var place: Place
  private var current: (any ByteSource)?

  /// In which form an export is.
  /// - Throws: ``ExportFault/missing(_:)`` or ``ExportFault/notAnExport(_:)``.
  public static func form(of path: String) throws(ExportFault) -> ExportTarget.Form {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw errno == ENOENT ? .missing(path) : OutputFile.failure(path)
    }
    if status.st_mode & S_IFMT == S_IFDIR { return .folder }
    let file = try InputFile(path, followsLinks: true)
    guard let start = try? file.read(512) else { throw .notAnExport(path) }
    if start.starts(with: Data("\(AgeHeader.version)\n".utf8)) { return .sealed }
    guard start.count == 512, start[257..<262] == Data("ustar".utf8) else { throw .notAnExport(path) }
    return .archive
  }

  /// - Parameter passphrase: what it is sealed to; nil for a plain one.
  /// - Throws: ``ExportFault``, ``AgeFault``.
  public init(_ path: String, passphrase: borrowing SecretBytes?) throws {
    self.path = path
    switch try Self.form(of: path) {
    case .folder: place = .folder(path, try Self.files(in: path))
    case .archive: place = .archive(try TarReader(from: InputFile(path, followsLinks: true)))
    case .sealed:
      let file = BufferedSource(try InputFile(path, followsLinks: true))
      switch passphrase {
      case .some(let passphrase):
        place = .archive(try TarReader(from: AgeReader(passphrase: passphrase, from: file)))
      case .none: throw AgeFault.wrongPassphrase
      }
    }
  }

  /// The next file; nil at the end. Folders are passed over, if they could hold a file of an export.
  /// - Throws: ``ExportFault``, or ``AgeFault``.
  public func next() throws -> Entry? {
    switch place {
    case .folder(let folder, var left):
      guard let name = left.popLast() else { return nil }
      place = .folder(folder, left)
      let file = try InputFile("\(folder)/\(name)", followsLinks: false)
      current = file
      return Entry(path: name, bytes: file.size)
    case .archive(let tar):
      while let entry = try tar.next() {
        guard entry.isFolder else { return Entry(path: entry.path, bytes: entry.bytes) }
        guard entry.path.wholeMatch(of: /(databases(\/[A-Za-z0-9._-]+){0,2}|blobs)\/?/) != nil else {
          throw ExportFault.surplus(entry.path)
        }
      }
      try tar.finish()
      return nil
    }
  }

  /// The next bytes of the file that was found last; fewer than `count` only at its end.
  public func read(_ count: Int) throws -> Data {
    switch place {
    case .folder: try current?.read(count) ?? Data()
    case .archive(let tar): try tar.read(count)
    }
  }

  /// What is in a folder, the list of contents last, for it is read first.
  private static func files(in folder: String) throws -> [String] {
    guard let walk = FileManager.default.enumerator(atPath: folder) else {
      throw ExportFault.notAnExport(folder)
    }
    var files: [String] = []
    while let name = walk.nextObject() as? String {
      var status = stat()
      guard lstat("\(folder)/\(name)", &status) == 0 else { throw OutputFile.failure("\(folder)/\(name)") }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: continue
      case S_IFREG: files.append(name)
      default: throw ExportFault.surplus(name)
      }
    }
    guard files.contains(ExportManifest.path) else { throw ExportFault.notAnExport(folder) }
    return files.filter { $0 != ExportManifest.path }.sorted(by: >) + [ExportManifest.path]
  }
}
