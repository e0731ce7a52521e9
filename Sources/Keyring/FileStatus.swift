#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the system says of a file: whose it is, who may reach it, and which one it is.
public struct FileStatus: Hashable, Sendable {
  /// The device that it lies on, and its number there: together, which file it is.
  public let device: UInt64
  public let inode: UInt64
  /// The user whose it is.
  public let owner: UInt32
  /// Whether anybody but its owner may read, write or enter it.
  public let isOpenToOthers: Bool
  public let isSocket: Bool

  /// Asks for the file at a path; nil where there is none, or it cannot be asked for (`errno` says why).
  /// - Parameter followsLinks: whether a symbolic link stands for what it leads to.
  public init?(ofFileAt path: String, followsLinks: Bool) {
    var status = stat()
    guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    owner = status.st_uid
    isOpenToOthers = status.st_mode & 0o077 != 0
    isSocket = status.st_mode & S_IFMT == S_IFSOCK
  }
}
