import Foundation
import SecretMemory

#if canImport(Glibc)
  import Glibc
#endif

/// What systemd decrypted for this service before it started it: files in `$CREDENTIALS_DIRECTORY`, which nobody can
/// write to. (systemd.exec(5), "Credentials")
enum CredentialsDirectory {
  /// The largest credential that means anything here, in bytes.
  static let limit = 8192

  /// A credential; nil where the service got none of this name.
  ///
  /// It is the user's or root's, and not the world's to read: systemd lends it to the user by an access list where it
  /// can.
  /// - Throws: ``KeyringError/unsafePermissions(path:mend:)`` or ``KeyringError/file(path:reason:)``.
  static func read(
    _ name: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(KeyringError) -> SecretBytes? {
    guard let folder = environment["CREDENTIALS_DIRECTORY"], folder.hasPrefix("/") else { return nil }
    let path = "\(folder)/\(name)"
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw PrivateFile.failure(path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw PrivateFile.failure(path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .file(path: path, reason: "is not a plain file") }
    guard [0, geteuid()].contains(status.st_uid), status.st_mode & 0o027 == 0 else {
      throw .unsafePermissions(path: path, mend: "chmod 400 '\(path)'")
    }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    defer { wipe(&bytes) }
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw PrivateFile.failure(path) }
      if count == 0 { break }
      filled += count
    }
    guard filled <= limit else { throw .file(path: path, reason: "is larger than \(limit) bytes") }
    return SecretBytes(count: filled) { $0.copyBytes(from: bytes[..<filled]) }
  }
}
