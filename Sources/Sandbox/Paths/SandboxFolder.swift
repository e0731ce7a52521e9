import CIsolation
import Glibc

/// A folder on this machine that stands for one inside a sandbox. Files in it are opened component by component by the kernel,
/// which follows no link and does not leave it, whatever a command does with the names meanwhile (openat2(2)).
public struct SandboxFolder: ~Copyable {
  let place: Descriptor

  /// - Throws: ``SandboxError/folder(path:reason:)``, also where a component of the path is a symbolic link.
  public init(_ path: String) throws(SandboxError) {
    let opened = osr_open_folder(path)
    guard opened >= 0 else {
      throw .folder(path: path, reason: SystemError(number: -opened).description)
    }
    place = Descriptor(opened)
  }

  /// Reads at most `limit` bytes of a plain file.
  /// - Throws: ``SandboxError/folder(path:reason:)``.
  public func read(_ path: SandboxPath, limit: Int) throws(SandboxError) -> [UInt8] {
    let file = try open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    try Self.requirePlain(file, path)
    var bytes = [UInt8](repeating: 0, count: limit)
    var filled = 0
    while filled < limit {
      let count = bytes.withUnsafeMutableBytes {
        Glibc.read(file.number, $0.baseAddress! + filled, limit - filled)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw .folder(path: path.text, reason: SystemError.last.description)
      }
      if count == 0 { break }
      filled += count
    }
    return Array(bytes.prefix(filled))
  }

  /// Makes a plain file anew, or empties it, and writes these bytes.
  /// - Throws: ``SandboxError/folder(path:reason:)``.
  public func write(_ bytes: [UInt8], to path: SandboxPath) throws(SandboxError) {
    // Not emptied by the opening: first it is seen what it is.
    let file = try open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, mode: 0o600)
    try Self.requirePlain(file, path)
    do {
      guard ftruncate(file.number, 0) == 0 else { throw SystemError.last }
      try file.writeAll(bytes)
    } catch {
      throw .folder(path: path.text, reason: "\(error)")
    }
  }

  func open(_ path: SandboxPath, _ flags: Int32, mode: UInt32 = 0) throws(SandboxError) -> Descriptor {
    try open(path.components, of: path, flags, mode: mode)
  }

  /// Opens a part of the way of a path.
  func open(
    _ components: some Sequence<String>, of path: SandboxPath, _ flags: Int32, mode: UInt32 = 0
  ) throws(SandboxError) -> Descriptor {
    do {
      return try enter(components, flags, mode: mode)
    } catch {
      throw Self.refusal(path, error)
    }
  }

  /// Opens what lies there, by the kernel's word.
  func enter(
    _ components: some Sequence<String>, _ flags: Int32, mode: UInt32 = 0
  ) throws(SystemError) -> Descriptor {
    let way = components.joined(separator: "/")
    return try Descriptor(opened: osr_open_beneath(place.number, way.isEmpty ? "." : way, flags, mode))
  }

  static func refusal(_ path: SandboxPath, _ error: SystemError) -> SandboxError {
    let reason = error.number == ELOOP ? "there is a symbolic link on the way" : error.description
    return .folder(path: path.text, reason: reason)
  }

  static func requirePlain(_ file: borrowing Descriptor, _ path: SandboxPath) throws(SandboxError) {
    var status = stat()
    guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .folder(path: path.text, reason: "it is no plain file")
    }
  }
}
