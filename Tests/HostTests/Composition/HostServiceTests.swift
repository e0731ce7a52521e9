import Foundation
import Keyring
import Testing

@testable import Host

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("The running host", .timeLimit(.minutes(10)))
struct HostServiceTests {
  /// Runs `body` while a service runs in `folders`.
  private func serve(
    _ folders: HostFolders, _ body: (_ controlSocket: String) async throws -> Void
  ) async throws {
    let service = try await service(folders)
    let running = Task { try await service.run() }
    do {
      try await body(try await service.ready().controlSocket)
    } catch {
      running.cancel()
      _ = try? await running.value
      throw error
    }
    running.cancel()
    try await running.value
  }

  private func expectAnswer(on socket: String) async throws {
    let answer = try await WireClient(socket: socket).ask("GET", "/health")
    #expect(answer.status == 200)
  }

  private func service(_ folders: HostFolders) async throws -> HostService {
    let settings = try HostSettings.load(
      folders: folders, flags: .init(port: 0), environment: ["OSAURUS_DETECT_LOCAL_SERVERS": "false"])
    return HostService(
      services: try await HostServices.open(folders: folders, settings: settings, logger: .quiet))
  }

  /// The folders of a host that was just made, under another runtime folder if one is named.
  private func folders(_ home: borrowing TemporaryHome, runtime: String = "run") throws -> HostFolders {
    try HostFolders.resolve(environment: [
      "HOME": home.path, "XDG_RUNTIME_DIR": home.path + "/" + runtime,
    ])
  }

  @Test("it makes the folders that a restart of the machine took away, for its owner alone")
  func folders() async throws {
    let home = TemporaryHome()
    let folders = try folders(home)
    _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    for folder in [folders.runtime, folders.state] { try FileManager.default.removeItem(at: folder) }
    try FileManager.default.removeItem(atPath: home.path + "/run")
    try await serve(folders) { socket in
      try await expectAnswer(on: socket)
      for folder in [folders.runtime, folders.state] {
        let mode = try FileManager.default.attributesOfItem(atPath: folder.path)[.posixPermissions] as? Int
        #expect(mode == 0o700)
      }
    }
  }

  @Test(
    "a second service on the same data is refused, also where its sockets are elsewhere; the first lives on")
  func second() async throws {
    let home = TemporaryHome()
    let (here, elsewhere) = (try folders(home), try folders(home, runtime: "other"))
    _ = try await HostInitialiser(folders: here).initialise(keyStore: .file)
    try await serve(here) { socket in
      for folders in [here, elsewhere] {
        let second = try await service(folders)
        let ready = Task { try await second.ready().url }
        let expected = HostError.dataInUse(folder: here.data.path)
        await #expect(throws: expected) { try await second.run() }
        await #expect(throws: expected) { _ = try await ready.value }
      }
      #expect(!FileManager.default.fileExists(atPath: elsewhere.controlSocket.path))
      try await expectAnswer(on: socket)
    }
    try await serve(elsewhere) { socket in
      try await expectAnswer(on: socket)
    }
  }

  @Test("the lock of a service that was killed does not keep the next one from starting")
  func killed() async throws {
    let home = TemporaryHome()
    let folders = try folders(home)
    _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    let path = folders.serviceLock.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let lock = try #require(try FileLock(tryFor: URL(filePath: path)))
      withExtendedLifetime(lock) { _ = kill(getpid(), SIGKILL) }
    }
    #expect(FileManager.default.fileExists(atPath: path))
    try await serve(folders) { socket in
      try await expectAnswer(on: socket)
    }
  }
}
