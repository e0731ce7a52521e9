import CIsolation
import Foundation

/// What is worth getting at, put where no command may get: a file, another agent's token, services on loopback and on sockets, a
/// process, shared memory. All of it is gone with this value.
final class EscapeBait {
  let folder: URL
  let places: AgentPlaces
  let readOnly: URL
  private let process: pid_t
  private let pidfd: Descriptor
  private let listeners: [Int32]
  private let port: UInt16
  private let datagramPort: UInt16
  private let sharedMemory: key_t
  private let sharedMemorySegment: Int32
  private let abstractName: String

  /// The hosts that are listed where there is a proxy: names of ``BaitResolver``, and none of them is on the internet.
  static let listed = "*.listed.example:80,*.listed.example:443"

  static let limits: ResourceLimits = {
    var limits = ResourceLimits()
    limits.memory = 128 << 20
    limits.processes = 40
    limits.openFiles = 128
    limits.fileSize = 8 << 20
    limits.temporaryFiles = 16 << 20
    limits.processorSeconds = 1
    limits.freeDisk = 1 << 20
    return limits
  }()

  /// Puts it into a new folder.
  /// - Throws: ``SandboxError/folder(path:reason:)``.
  init(in parent: URL) throws(SandboxError) {
    let folder = parent.appending(path: "osaurus-escape-\(UUID().uuidString)")
    self.folder = folder
    func failed(_ error: any Error) -> SandboxError { .folder(path: folder.path, reason: "\(error)") }
    do {
      try FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
      let outside = folder.appending(path: "outside")
      readOnly = folder.appending(path: "read-only")
      for place in [outside, readOnly] {
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
      }
      for name in ["bait", "spare"] { try Data("BAIT=1\n".utf8).write(to: outside.appending(path: name)) }
    } catch {
      throw failed(error)
    }
    places = AgentPlaces(agent: UUID(), in: folder.appending(path: "sandbox"))
    try places.prepare()
    let other = AgentPlaces(agent: UUID(), in: folder.appending(path: "sandbox"))
    try other.prepare()
    token = other.homeFolder.appending(path: "token")
    abstractName = "osaurus-escape-\(UUID().uuidString.prefix(8))"
    do {
      try Data("token".utf8).write(to: token)
      let stream = try Self.listen(SOCK_STREAM)
      let datagram = try Self.listen(SOCK_DGRAM)
      (port, datagramPort) = (stream.port, datagram.port)
      listeners = [
        stream.number, datagram.number, try Self.listen(path: folder.appending(path: "outside/socket").path),
        try Self.listen(path: "\0" + abstractName),
      ]
      sharedMemory = key_t(Int32.random(in: 1...Int32.max))
      sharedMemorySegment = shmget(sharedMemory, 4096, 0o1600 | 0o600)
      let sleeper = try SandboxLauncher.spawn("/bin/sleep", ["sleep", "600"], [0, 1, 2])
      process = sleeper.number
      pidfd = sleeper.pidfd
    } catch {
      throw failed(error)
    }
  }

  private let token: URL

  deinit {
    osr_kill(pidfd.number)
    var status: Int32 = 0
    osr_collect(process, 1, &status)
    for listener in listeners { close(listener) }
    if sharedMemorySegment >= 0 { shmctl(sharedMemorySegment, IPC_RMID, nil) }
    try? FileManager.default.removeItem(at: folder)
  }

  /// Where it all is, as variables for those who try to get at it.
  func variables(inside: Bool) -> [String: String] {
    let limits = Self.limits
    return [
      "BAIT_FILE": folder.appending(path: "outside/bait").path,
      "BAIT_SPARE": folder.appending(path: "outside/spare").path,
      "BAIT_FOLDER": folder.appending(path: "outside").path, "BAIT_OTHER_AGENT": token.path,
      "BAIT_SOCKET": folder.appending(path: "outside/socket").path, "BAIT_ABSTRACT": abstractName,
      "BAIT_PORT": "\(port)", "BAIT_PROXY": "\(EgressProxy.port)", "BAIT_DATAGRAM_PORT": "\(datagramPort)",
      "BAIT_PROCESS": "\(process)",
      "BAIT_FIRST": inside ? "1" : "\(process)", "BAIT_SHARED_MEMORY": "\(sharedMemory)",
      "BAIT_PROCESSES": "\(limits.processes)", "BAIT_MEMORY": "\(limits.memory)",
      "BAIT_OPEN_FILES": "\(limits.openFiles)", "BAIT_FILE_SIZE": "\(limits.fileSize)",
      "BAIT_TEMPORARY": "\(limits.temporaryFiles)",
      "BAIT_PROCESSOR_SECONDS": "\(limits.processorSeconds ?? 1)",
      "BAIT_READ_ONLY": inside ? "/workspace/read-only" : readOnly.path,
      "BAIT_HOME": ProcessInfo.processInfo.environment["HOME"] ?? "/nowhere",
      "BAIT_PROGRAM": places.folder.appending(path: "etc/passwd").path,
    ]
  }

  private static func listen(_ type: __socket_type) throws(SystemError) -> (number: Int32, port: UInt16) {
    let number = socket(AF_INET, Int32(type.rawValue) | O_CLOEXEC, 0)
    guard number >= 0 else { throw SystemError.last }
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let answer = withUnsafeMutablePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        bind(number, place, size) == 0 && getsockname(number, place, &size) == 0
      }
    }
    guard answer else { throw SystemError.last }
    if type == SOCK_STREAM, Glibc.listen(number, 16) != 0 { throw SystemError.last }
    return (number, UInt16(bigEndian: place.sin_port))
  }

  private static func listen(path: String) throws(SystemError) -> Int32 {
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    guard number >= 0 else { throw SystemError.last }
    var place = sockaddr_un()
    place.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let isAbstract = bytes.first == 0
    withUnsafeMutableBytes(of: &place.sun_path) { $0.copyBytes(from: bytes.prefix($0.count - 1)) }
    let size = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
    let answer = withUnsafePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, size) }
    }
    guard answer == 0, Glibc.listen(number, 16) == 0 else { throw SystemError.last }
    return number
  }
}
