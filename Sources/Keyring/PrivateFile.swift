public import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Files and folders that only their owner may open, from the moment they exist.
public enum PrivateFile {
  /// Makes a folder 0700 with the folders above it, or accepts one that is there if nobody else may enter it.
  /// - Throws: ``KeyringError/unsafePermissions(path:mend:)`` or ``KeyringError/file(path:reason:)``.
  public static func makeFolder(_ folder: URL) throws(KeyringError) {
    let path = folder.path
    if mkdir(path, 0o700) == 0 { return }
    switch errno {
    case EEXIST: return try checkFolder(path)
    case ENOENT:
      let parent = folder.deletingLastPathComponent()
      guard parent.path != path else { throw failure(path) }
      try makeParents(parent)
      guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure(path) }
    default: throw failure(path)
    }
  }

  private static func makeParents(_ folder: URL) throws(KeyringError) {
    guard mkdir(folder.path, 0o700) != 0, errno != EEXIST else { return }
    guard errno == ENOENT, folder.path != "/" else { throw failure(folder.path) }
    try makeParents(folder.deletingLastPathComponent())
    guard mkdir(folder.path, 0o700) == 0 || errno == EEXIST else { throw failure(folder.path) }
  }

  private static func checkFolder(_ path: String) throws(KeyringError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw failure(path) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw .file(path: path, reason: "is in the way of a folder")
    }
    guard status.st_uid == geteuid() else {
      throw .unsafePermissions(path: path, mend: "sudo chown -R $(id -un) \(quoted(path))")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw .unsafePermissions(path: path, mend: "chmod 700 \(quoted(path))")
    }
  }

  /// A path as a shell reads it back.
  private static func quoted(_ path: String) -> String { "'\(path.replacing("'", with: "'\\''"))'" }

  /// Makes an empty file 0600 where there is none. One that is there is not opened: closing it again would take the
  /// locks away that SQLite holds on it for this process.
  /// - Throws: ``KeyringError/file(path:reason:)``, also for a symbolic link.
  public static func createIfMissing(_ file: URL) throws(KeyringError) {
    let descriptor = open(file.path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
    guard descriptor < 0 else {
      close(descriptor)
      return
    }
    guard errno == EEXIST else { throw failure(file.path) }
    _ = try isThere(file)
  }

  /// Whether there is a plain file, which is not opened.
  /// - Throws: ``KeyringError/file(path:reason:)`` for anything else in its place, a symbolic link among them.
  public static func isThere(_ file: URL) throws(KeyringError) -> Bool {
    var status = stat()
    guard lstat(file.path, &status) == 0 else {
      if errno == ENOENT { return false }
      throw failure(file.path)
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return true
    case S_IFLNK: throw .file(path: file.path, reason: "is a symbolic link")
    default: throw .file(path: file.path, reason: "is not a plain file")
    }
  }

  /// Reads a whole file of at most `limit` bytes; nil where there is none.
  /// - Throws: ``KeyringError/unsafePermissions(path:mend:)`` when others may read it, or
  ///   ``KeyringError/file(path:reason:)``, also for a symbolic link.
  public static func read(_ file: URL, limit: Int) throws(KeyringError) -> [UInt8]? {
    let path = file.path
    // O_NONBLOCK, so that a pipe in the file's place is refused and not waited for.
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw failure(path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .file(path: path, reason: "is not a plain file") }
    guard status.st_uid == geteuid() else {
      throw .unsafePermissions(path: path, mend: "sudo chown $(id -un) \(quoted(path))")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw .unsafePermissions(path: path, mend: "chmod 600 \(quoted(path))")
    }
    guard status.st_size <= limit else {
      throw .file(path: path, reason: "is larger than \(limit) bytes")
    }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure(path) }
      if count == 0 { break }
      filled += count
    }
    guard filled <= limit else { throw .file(path: path, reason: "is larger than \(limit) bytes") }
    // In place: a second copy of what may be a secret would stay behind.
    bytes.removeLast(bytes.count - filled)
    return bytes
  }

  /// Puts `bytes` in a file's place, 0600, all at once: whoever looks, also after a power cut, finds the old content
  /// or the new.
  /// - Throws: ``KeyringError/file(path:reason:)``; the old content is still there then.
  public static func replace(_ file: URL, with bytes: [UInt8]) throws(KeyringError) {
    let temporary = file.path + ".\(getpid()).\(UInt32.random(in: .min ... .max)).new"
    let descriptor = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure(file.path) }
    let isWritten = bytes.withUnsafeBytes { write($0, to: descriptor) } && fsync(descriptor) == 0
    var reason = errno
    close(descriptor)
    guard isWritten, rename(temporary, file.path) == 0 else {
      if isWritten { reason = errno }
      unlink(temporary)
      errno = reason
      throw failure(file.path)
    }
    synchronizeFolder(file.deletingLastPathComponent().path)
  }

  /// Makes names in a folder outlive a power cut, where its file system can.
  public static func synchronizeFolder(_ path: String) {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    fsync(folder)
    close(folder)
  }

  /// Takes a file away. One that is not there is no failure.
  /// - Throws: ``KeyringError/file(path:reason:)``.
  public static func remove(_ file: URL) throws(KeyringError) {
    guard unlink(file.path) == 0 || errno == ENOENT else { throw failure(file.path) }
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
      let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }

  /// What `errno` says of a path.
  static func failure(_ path: String) -> KeyringError {
    if let refusal = DiskRefusal(errno: errno) { return .disk(path: path, refusal) }
    return .file(path: path, reason: errno == ELOOP ? "is a symbolic link" : String(cString: strerror(errno)))
  }
}
