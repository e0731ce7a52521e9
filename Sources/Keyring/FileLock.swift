public import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A lock that the kernel gives to one process at a time and takes back when that process ends.
public final class FileLock: Sendable {
  private let descriptor: Int32

  /// Waits for the lock on a file, which is made where it is missing.
  /// - Throws: ``KeyringError/file(path:reason:)``.
  public init(waitingFor file: URL) throws(KeyringError) {
    descriptor = try Self.open(file)
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else {
        throw PrivateFile.failure(file.path)
      }
    }
  }

  /// Takes the lock on a file if it is free; nil when another process holds it.
  /// - Throws: ``KeyringError/file(path:reason:)``.
  public init?(tryFor file: URL) throws(KeyringError) {
    descriptor = try Self.open(file)
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return nil }
  }

  deinit { close(descriptor) }

  private static func open(_ file: URL) throws(KeyringError) -> Int32 {
    let descriptor = Glibc.open(file.path, O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw PrivateFile.failure(file.path) }
    return descriptor
  }
}
