import Foundation
import Keyring

#if canImport(Glibc)
  import Glibc
#endif

/// An open file, which is closed when the value goes.
struct OpenFile: ~Copyable {
  private let descriptor: Int32

  /// What `errno` says.
  static var failure: SealedFileFault {
    switch errno {
    case ENOENT: .missing
    case ELOOP: .unreadable(reason: "is a symbolic link")
    default:
      DiskRefusal(errno: errno).map { .disk($0) } ?? .unreadable(reason: String(cString: strerror(errno)))
    }
  }

  /// Opens a file that is there, without following a link or waiting for a pipe.
  init(reading path: String) throws(SealedFileFault) {
    descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure }
  }

  /// Makes a file, 0600, where there is none.
  init(creating path: String) throws(SealedFileFault) {
    descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure }
  }

  deinit { close(descriptor) }

  /// The size of a plain file of the user that nobody else may read; nil for anything else.
  func privateSize() throws(SealedFileFault) -> UInt64? {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Self.failure }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
      return nil
    }
    return UInt64(status.st_size)
  }

  /// The next `count` bytes, or as many as there are.
  func read(_ count: Int) throws(SealedFileFault) -> Data {
    var data = Data(count: count)
    var filled = 0
    while filled < count {
      let read = data.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress! + filled, count - filled)
      }
      if read < 0, errno == EINTR { continue }
      guard read >= 0 else { throw Self.failure }
      if read == 0 { break }
      filled += read
    }
    return data.prefix(filled)
  }

  func write(_ bytes: Data, at offset: UInt64) throws(SealedFileFault) {
    let failure: SealedFileFault? = bytes.withUnsafeBytes { bytes in
      do throws(SealedFileFault) {
        try write(bytes, at: offset)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  private func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SealedFileFault) {
    var written = 0
    while written < bytes.count {
      let count = pwrite(
        descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(offset) + off_t(written))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.failure }
      written += count
    }
  }

  func synchronize() throws(SealedFileFault) {
    guard fsync(descriptor) == 0 else { throw Self.failure }
  }
}
