#if canImport(Glibc)
  import Glibc
#endif

/// What a disk refuses whatever is written to it. Nothing is wrong with what is there, and it can still be read.
public enum DiskRefusal: String, Hashable, Sendable {
  /// There is no room, or the user may take no more of it.
  case full
  /// It is mounted read-only.
  case readOnly

  /// What an error number of the system says of the disk; nil for any other one.
  public init?(errno number: Int32) {
    switch number {
    case ENOSPC, EDQUOT: self = .full
    case EROFS: self = .readOnly
    default: return nil
    }
  }

  /// How the disk is that a path is on: full, read-only, or neither.
  /// - Parameter bytes: what there has to be room for.
  public init?(at path: String, roomFor bytes: UInt64) {
    guard let space = DiskSpace(at: path) else { return nil }
    if space.isReadOnly {
      self = .readOnly
    } else if space.free < bytes || space.hasNoFilesLeft {
      self = .full
    } else {
      return nil
    }
  }
}

extension DiskRefusal {
  /// What ``description`` says, as a sentence of its own.
  public var sentence: String { description.prefix(1).uppercased() + description.dropFirst() }
}

extension DiskRefusal: CustomStringConvertible {
  public var description: String {
    switch self {
    case .full:
      "the disk is full. Free some space (df tells how much there is), then try again; nothing of this was kept."
    case .readOnly:
      "the disk is read-only. Mount it for writing (an error of the disk may be why it is not: see 'dmesg'), then try again; nothing of this was kept."
    }
  }
}

/// How much room there is where a path is.
public struct DiskSpace: Hashable, Sendable {
  /// The bytes that this user may still write.
  public let free: UInt64
  public let isReadOnly: Bool
  let hasNoFilesLeft: Bool

  /// Looks; nil where there is no such path.
  public init?(at path: String) {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
    isReadOnly = status.f_flag & UInt(ST_RDONLY) != 0
    // File systems without a fixed number of files say 0 of 0.
    hasNoFilesLeft = status.f_files > 0 && status.f_favail == 0
  }
}
