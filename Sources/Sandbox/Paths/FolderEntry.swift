import Glibc

/// Which file something is, whatever it is called, and when it was last written. The number of one that is gone may come again.
struct FileIdentity: Codable, Hashable, Sendable {
  let device: UInt64
  let number: UInt64
  /// In nanoseconds.
  let written: Int64

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    number = UInt64(status.st_ino)
    written = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
  }

  /// Whether it is the same file, though it may have been written since.
  func isSameFile(as other: FileIdentity?) -> Bool { device == other?.device && number == other?.number }
}

/// Something in a folder, as it is itself: a link is a link.
struct FolderEntry: Hashable, Sendable {
  enum Kind: String, Sendable {
    case file
    case folder = "directory"
    case link = "symlink"
    case other
  }

  let name: String
  let kind: Kind
  let size: Int
  /// The permissions.
  let mode: UInt32
  let identity: FileIdentity

  init(name: String, _ status: stat) {
    self.name = name
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .folder
      case S_IFLNK: .link
      default: .other
      }
    size = Int(status.st_size)
    mode = UInt32(status.st_mode) & 0o777
    identity = FileIdentity(status)
  }

  /// What a name in an open folder stands for; nil where there is nothing.
  init?(_ name: String, in folder: borrowing Descriptor) throws(SystemError) {
    var status = stat()
    guard fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      let error = SystemError.last
      if error.number == ENOENT || error.number == ENOTDIR { return nil }
      throw error
    }
    self.init(name: name, status)
  }
}
