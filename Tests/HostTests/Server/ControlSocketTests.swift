import Foundation
import Testing

@testable import Host

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("The control socket", .serialized, .timeLimit(.minutes(10)))
struct ControlSocketTests {
  private static let get = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

  private func mode(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.posixPermissions] as? Int)
  }

  private func folder(_ home: borrowing TemporaryHome, mode: Int = 0o700) throws -> String {
    let folder = home.path + "/run"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
    return folder
  }

  @Test("it is 0600 in a folder of 0700, and gone when the service has ended")
  func modes() async throws {
    let home = TemporaryHome()
    let path = try folder(home) + "/control.sock"
    try await TestHost().serve(controlSocket: path) { listening in
      #expect(listening.controlSocket == path)
      let modes = try [path, path + ".lock"].map(mode)
      #expect(modes == [0o600, 0o600])
      let answer = try await WireClient(socket: path).ask("GET", "/models")
      #expect(answer.status == 200)
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test("a folder that others may enter is refused", arguments: [0o755, 0o710, 0o701, 0o777])
  func openFolder(mode: Int) throws {
    let home = TemporaryHome()
    let folder = try folder(home)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder)
    #expect(throws: HostError.folderNotPrivate(folder)) { try Self.hold(folder + "/control.sock") }
  }

  @Test("what is no socket is left alone, a link included")
  func otherFiles() throws {
    let home = TemporaryHome()
    let path = try folder(home) + "/control.sock"
    try Data("mine".utf8).write(to: URL(filePath: path))
    #expect(throws: HostError.socketUnusable(path, reason: "it is not a socket")) { try Self.hold(path) }
    #expect(try Data(contentsOf: URL(filePath: path)) == Data("mine".utf8))
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: home.path + "/elsewhere")
    #expect(throws: HostError.socketUnusable(path, reason: "it is not a socket")) { try Self.hold(path) }
  }

  @Test("a path that fits into no socket address is refused")
  func longPath() throws {
    let home = TemporaryHome()
    let path = try folder(home) + "/" + String(repeating: "a", count: 100)
    #expect(throws: HostError.socketPathTooLong(path)) { try Self.hold(path) }
  }

  @Test("a socket that a dead service left behind is replaced")
  func stale() async throws {
    let home = TemporaryHome()
    let path = try folder(home) + "/control.sock"
    try Self.leaveSocket(at: path)
    await #expect(throws: (any Error).self) { try await WireClient(socket: path).ask("GET", "/health") }
    try await TestHost().serve(controlSocket: path) { _ in
      let answer = try await WireClient(socket: path).ask("GET", "/health")
      #expect(answer.status == 200)
    }
  }

  @Test("a second service is refused, and the first lives on")
  func alive() async throws {
    let home = TemporaryHome()
    let path = try folder(home) + "/control.sock"
    let host = try TestHost()
    try await host.serve(controlSocket: path) { _ in
      var configuration = HostServer.Configuration(port: 0)
      configuration.controlSocket = path
      let second = HostServer(configuration, door: host.door)
      await #expect(throws: HostError.alreadyRunning(socket: path)) { try await second.run() }
      let answer = try await WireClient(socket: path).ask("GET", "/health")
      #expect(answer.status == 200)
      #expect(try mode(path) == 0o600)
    }
  }

  @Test("a socket on which somebody else listens is not taken, even where no lock is held")
  func foreign() async throws {
    let home = TemporaryHome()
    let folder = try folder(home)
    let path = folder + "/control.sock"
    try await TestHost().serve(controlSocket: folder + "/other.sock") { _ in
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder + "/other.sock")
      #expect(throws: HostError.self) { try Self.hold(path) }
      try FileManager.default.removeItem(atPath: path)
      #expect(link(folder + "/other.sock", path) == 0)
      #expect(throws: HostError.alreadyRunning(socket: path)) { try Self.hold(path) }
      #expect(try await WireClient(socket: path).ask("GET", "/health").status == 200)
    }
  }

  @Test(
    "another user is turned away by the kernel's word, even where the files would let them in",
    .enabled("it takes root, or sudo without a password") { OtherUser.isWanted || OtherUser.isPossible })
  func otherUser() async throws {
    let home = TemporaryHome()
    let path = try folder(home) + "/control.sock"
    let host = try TestHost()
    try await host.serve(controlSocket: path) { _ in
      // As nobody, through the folder as it is.
      #expect(try await OtherUser.ask(path, Self.get) == "cannot connect")
      for (name, mode) in [(home.path, 0o755), (home.path + "/run", 0o755), (path, 0o666)] {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: name)
      }
      #expect(try await OtherUser.ask(path, Self.get) == "")
      #expect(try await WireClient(socket: path).ask("GET", "/health").status == 200)
    }
  }

  // MARK: Helpers

  private static func hold(_ path: String) throws {
    let socket = try ControlSocket(path: path)
    close(socket.descriptor)
  }

  /// Binds a socket and goes away without removing it.
  private static func leaveSocket(at path: String) throws {
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
  }
}

/// Somebody else on this machine.
private enum OtherUser {
  /// Where everything has to be shown, what cannot be shown fails.
  static let isWanted = ProcessInfo.processInfo.environment["CI"] == "true"

  /// What makes a command run as `nobody`: root may do so, others by sudo.
  private static let command =
    (geteuid() == 0 ? [] : ["/usr/bin/sudo", "-n"])
    + ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]

  static var isPossible: Bool {
    let process = Process()
    process.executableURL = URL(filePath: command[0])
    process.arguments = command.dropFirst() + ["/usr/bin/perl", "-e", "exit"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  /// Sends a text to a Unix socket as `nobody`; gives what comes back.
  static func ask(_ path: String, _ text: String) async throws -> String {
    let script = """
      $SIG{PIPE} = 'IGNORE'; socket(S, AF_UNIX, SOCK_STREAM, 0) or die; \
      unless (connect(S, pack_sockaddr_un($ARGV[0]))) { print 'cannot connect'; exit } \
      syswrite(S, $ARGV[1]); print while sysread(S, $_, 4096);
      """
    let process = Process()
    process.executableURL = URL(filePath: command[0])
    process.arguments = command.dropFirst() + ["/usr/bin/perl", "-MSocket", "-e", script, path, text]
    let output = Pipe()
    process.standardOutput = output
    return try await withCheckedThrowingContinuation { continuation in
      process.terminationHandler = { _ in
        let data = output.fileHandleForReading.availableData
        continuation.resume(returning: String(decoding: data, as: UTF8.self))
      }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
  }
}
