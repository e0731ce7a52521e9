public import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A lock that the kernel gives to one holder at a time, or to several that share it, be it in this process or in another,
/// and takes back when the process ends. The file stays; it says nothing.
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

  /// Takes the lock on a file if it is free; nil when somebody else holds it.
  /// - Throws: ``KeyringError/file(path:reason:)``.
  public convenience init?(tryFor file: URL) throws(KeyringError) {
    try self.init(file, LOCK_EX)
  }

  /// Takes a share of the lock on a file; nil when somebody holds it alone.
  /// - Throws: ``KeyringError/file(path:reason:)``.
  public convenience init?(trySharing file: URL) throws(KeyringError) {
    try self.init(file, LOCK_SH)
  }

  private init?(_ file: URL, _ kind: Int32) throws(KeyringError) {
    descriptor = try Self.open(file)
    while flock(descriptor, kind | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK: return nil
      default: throw PrivateFile.failure(file.path)
      }
    }
  }

  /// Waits for the lock on a file without keeping a thread waiting; nil when somebody else still holds it after
  /// `patience`.
  /// - Throws: ``KeyringError/file(path:reason:)``, or `CancellationError`.
  public static func waiting(for file: URL, patience: Duration) async throws -> FileLock? {
    let deadline = ContinuousClock.now + patience
    while true {
      if let lock = try FileLock(tryFor: file) { return lock }
      guard ContinuousClock.now < deadline else { return nil }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  deinit { close(descriptor) }

  private static func open(_ file: URL) throws(KeyringError) -> Int32 {
    let descriptor = Glibc.open(file.path, O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw PrivateFile.failure(file.path) }
    return descriptor
  }
}
