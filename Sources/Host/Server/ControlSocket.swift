import Foundation
import Keyring

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The Unix socket over which the owner gives orders: bound with mode 0600 in a folder of mode 0700, and held by a
/// lock beside it, so that no two services take a left-over socket for free at the same time. That one service alone
/// runs on the data of a host is another lock's matter (`HostFolders.serviceLock`).
///
/// A socket that a service left behind is replaced; one on which a service listens is never taken from it.
struct ControlSocket: ~Copyable {
  let path: String
  /// Bound, not yet listening. Whoever listens on it closes it.
  let descriptor: CInt
  private let lock: FileLock
  private let identity: FileIdentity

  private struct FileIdentity: Equatable {
    let device: UInt64
    let inode: UInt64

    init?(_ path: String) {
      guard let status = FileStatus(ofFileAt: path, followsLinks: false) else { return nil }
      (device, inode) = (status.device, status.inode)
    }
  }

  /// Takes the lock beside `path` and binds a socket there.
  init(path: String) throws(HostError) {
    guard path.utf8.count < Self.longestPath else { throw .socketPathTooLong(path) }
    try Self.checkFolder(of: path)
    let lock = try Self.lock(beside: path)
    try Self.removeStale(path)
    let descriptor = try Self.bind(path)
    guard let identity = FileIdentity(path) else {
      close(descriptor)
      throw .socketUnusable(path, reason: "it is gone again")
    }
    self.path = path
    self.descriptor = descriptor
    self.lock = lock
    self.identity = identity
  }

  /// Removes the socket, if it is still this one, and lets go of the lock.
  deinit {
    if FileIdentity(path) == identity { unlink(path) }
  }

  // MARK: Steps

  /// `sun_path` with its terminating zero.
  private static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path)

  private static var lastError: String { String(cString: strerror(errno)) }

  private static func checkFolder(of path: String) throws(HostError) {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard let status = FileStatus(ofFileAt: folder, followsLinks: true) else {
      throw .socketUnusable(path, reason: lastError)
    }
    guard status.owner == geteuid(), !status.isOpenToOthers else {
      throw .folderNotPrivate(folder)
    }
  }

  private static func lock(beside path: String) throws(HostError) -> FileLock {
    let lock: FileLock?
    do {
      lock = try FileLock(tryFor: URL(filePath: path + ".lock"))
    } catch {
      throw .socketUnusable(path, reason: error.description)
    }
    guard let lock else { throw .alreadyRunning(socket: path) }
    return lock
  }

  private static func removeStale(_ path: String) throws(HostError) {
    guard let status = FileStatus(ofFileAt: path, followsLinks: false) else { return }
    guard status.isSocket else {
      throw .socketUnusable(path, reason: "it is not a socket")
    }
    let probe = try makeSocket(path)
    defer { close(probe) }
    let isAlive = withAddress(path) { connect(probe, $0, $1) } == 0
    // Anything but a refusal means that somebody may be there.
    guard !isAlive && errno == ECONNREFUSED else { throw .alreadyRunning(socket: path) }
    guard unlink(path) == 0 else { throw .socketUnusable(path, reason: lastError) }
  }

  private static func bind(_ path: String) throws(HostError) -> CInt {
    let socket = try makeSocket(path)
    // Linux gives the file the mode of the unbound socket, so there is no moment at which it is open to others.
    guard fchmod(socket, 0o600) == 0, withAddress(path, { Glibc.bind(socket, $0, $1) }) == 0 else {
      let reason = lastError
      close(socket)
      throw .socketUnusable(path, reason: reason)
    }
    return socket
  }

  private static func makeSocket(_ path: String) throws(HostError) -> CInt {
    let socket = socket(
      AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard socket >= 0 else { throw .socketUnusable(path, reason: lastError) }
    return socket
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
