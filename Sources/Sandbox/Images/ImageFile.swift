import Crypto
import Glibc

/// A new file that only its owner may read, and the SHA-256 of what is written to it.
final class ImageFile {
  let path: String
  private let most: Int
  private let file: Descriptor
  private var hash = SHA256()
  private(set) var total = 0

  /// - Parameter most: the bytes that it may have.
  /// - Throws: ``SandboxError/folder(path:reason:)``.
  init(_ path: String, most: Int) throws(SandboxError) {
    let number = open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw .folder(path: path, reason: SystemError.last.description) }
    self.path = path
    self.most = most
    file = Descriptor(number)
  }

  /// - Throws: ``SandboxError/imageRefused(_:)`` or ``SandboxError/folder(path:reason:)``.
  func write(_ bytes: [UInt8]) throws(SandboxError) {
    guard bytes.count <= most - total else { throw Self.tooLong(most) }
    total += bytes.count
    hash.update(data: bytes)
    do {
      try file.writeAll(bytes)
    } catch {
      throw .folder(path: path, reason: "\(error)")
    }
  }

  /// Writes a whole file into it.
  /// - Throws: ``SandboxError/imageRefused(_:)`` or ``SandboxError/folder(path:reason:)``.
  func write(contentsOf source: String) throws(SandboxError) {
    func failure() -> SandboxError { .folder(path: source, reason: SystemError.last.description) }
    let file = Descriptor(open(source, O_RDONLY | O_NONBLOCK | O_CLOEXEC))
    var status = stat()
    guard file.number >= 0, fstat(file.number, &status) == 0 else { throw failure() }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .imageRefused("'\(source)' is no file") }
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = read(file.number, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure() }
      if count == 0 { return }
      try write(count == buffer.count ? buffer : Array(buffer.prefix(count)))
    }
  }

  /// 64 lowercase digits.
  var digest: String { hash.finalize().digits }

  static func tooLong(_ most: Int) -> SandboxError {
    .imageRefused("it is larger than \(most >> 30 > 0 ? "\(most >> 30) GiB" : "\(most) bytes")")
  }
}
