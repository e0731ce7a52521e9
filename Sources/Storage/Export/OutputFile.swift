import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A new file that only its owner may read, written from its beginning to its end.
final class OutputFile: ByteSink {
  let path: String
  private let descriptor: Int32

  /// - Parameter isPlain: whether a file system that cannot keep others out will not do.
  /// - Throws: ``ExportFault``.
  init(creating path: String, isPlain: Bool) throws(ExportFault) {
    self.path = path
    descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw errno == EEXIST ? .unfinished(path) : Self.failure(path)
    }
    var status = stat()
    guard !isPlain || (fstat(descriptor, &status) == 0 && status.st_mode & 0o077 == 0) else {
      unlink(path)
      throw .openToOthers(path)
    }
  }

  deinit { close(descriptor) }

  func write(_ bytes: Data) throws {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.failure(path) }
      written += count
    }
  }

  /// Makes it outlive a power cut.
  func synchronize() throws(ExportFault) {
    guard fsync(descriptor) == 0 else { throw Self.failure(path) }
  }

  static func failure(_ path: String) -> ExportFault {
    .file(path: path, reason: String(cString: strerror(errno)))
  }
}

/// A file that is read from its beginning to its end.
final class InputFile: ByteSource {
  private let path: String
  private let descriptor: Int32
  /// Its size as it was opened.
  let size: Int

  /// - Throws: ``ExportFault``, also for anything but a plain file.
  init(_ path: String, followsLinks: Bool) throws(ExportFault) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW))
    guard descriptor >= 0 else {
      throw errno == ENOENT ? .missing(path) : OutputFile.failure(path)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .notAnExport(path)
    }
    size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  func read(_ count: Int) throws -> Data {
    var bytes = Data(count: count)
    var filled = 0
    while filled < count {
      let read = bytes.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress! + filled, count - filled)
      }
      if read < 0, errno == EINTR { continue }
      guard read >= 0 else { throw OutputFile.failure(path) }
      if read == 0 { break }
      filled += read
    }
    return bytes.prefix(filled)
  }

  /// Goes back to the beginning.
  func rewind() { lseek(descriptor, 0, SEEK_SET) }
}

/// Reads a byte at a time as cheaply as many.
final class BufferedSource: ByteSource {
  private let source: any ByteSource
  private var buffer = Data()

  init(_ source: any ByteSource) { self.source = source }

  func read(_ count: Int) throws -> Data {
    if buffer.count < count { buffer.append(try source.read(max(count - buffer.count, 65_536))) }
    let given = Data(buffer.prefix(count))
    buffer = Data(buffer.dropFirst(count))
    return given
  }
}
