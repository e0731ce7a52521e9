import Foundation
import GRDB
import Keyring
import SecretMemory
import Storage
import Testing

@testable import Host

@Suite("A host of which something does not open", .timeLimit(.minutes(10)))
final class DegradedHostTests: Sendable {
  private let home = TemporaryHome()
  private var folders: HostFolders { home.folders }

  /// Makes a host and bends a byte of one of its databases.
  private func made(bending name: DatabaseName? = nil, at offset: Int = 100) async throws -> HostSettings {
    _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    if let name { try Self.bend(name.file(in: folders), at: offset) }
    return try HostSettings.load(folders: folders, environment: ["OSAURUS_DETECT_LOCAL_SERVERS": "false"])
  }

  static func bend(_ file: URL, at offset: Int) throws {
    let handle = try FileHandle(forUpdating: file)
    try handle.seek(toOffset: UInt64(offset))
    let byte = try #require(try handle.read(upToCount: 1)?.first)
    try handle.seek(toOffset: UInt64(offset))
    try handle.write(contentsOf: Data([byte ^ 1]))
    try handle.close()
  }

  private func open(_ settings: HostSettings) async throws -> HostServices {
    try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
  }

  @Test("a history that is damaged is told, left as it is, and everything else works")
  func damagedHistory() async throws {
    let settings = try await made(bending: .chatHistory)
    let before = try Data(contentsOf: DatabaseName.chatHistory.file(in: folders))
    let services = try await open(settings)
    #expect(services.degraded.map(\.name) == ["chat/history.sqlite"])
    #expect(services.degraded.first?.fault == .corrupt)
    let host = WholeHost(
      services: services, model: ScriptedModelServer(), owner: InProcessClient(services: services))
    let ada = try await host.agent("Ada")
    let status = try await host.ask("GET", "/control/status")
    #expect((status.json["degraded"] as? [[String: Any]])?.first?["fault"] as? String == "corrupt")
    let asked = try await host.ask(
      "POST", "/agents/\(ada.id)/run", #"{"model":"","messages":[{"role":"user","content":"hello"}]}"#)
    #expect(asked.status == 503)
    #expect(asked.json["error"] as? String == "storage_unavailable")
    await services.shutdown()
    #expect(try Data(contentsOf: DatabaseName.chatHistory.file(in: folders)) == before)
    let check = try HostCheck(folders: folders, settings: settings)
    #expect(
      check.databases == [.host: .current, .memory: .current, .methods: .current, .toolIndex: .current])
    #expect(check.degraded.map(\.name) == ["chat/history.sqlite"])
  }

  @Test("without host.sqlite there is no host, and it is said which file is the reason")
  func damagedHost() async throws {
    let settings = try await made(bending: .host)
    await #expect {
      _ = try await open(settings)
    } throws: { error in
      guard case StorageError.damaged(database: "host/host.sqlite", _) = error else { return false }
      return true
    }
  }

  @Test("where the key opens nothing, it is the key")
  func wrongKey() async throws {
    let settings = try await made()
    try FileKeyStore(file: folders.keyFile).store(.random(count: 32), as: .dataKey)
    await #expect(throws: StorageError.wrongKey(database: "host/host.sqlite")) {
      _ = try await open(settings)
    }
  }

  @Test("a history that is lost is not begun anew while its attachments are there")
  func lostHistory() async throws {
    let settings = try await made()
    let key = try HostKeyStore.keys(of: settings, folders: folders).1
    let blobs = BlobStore(folders: folders, key: key)
    try blobs.place(blobs.stage(Data([1])))
    for file in DatabaseName.chatHistory.files(in: folders) { try? FileManager.default.removeItem(at: file) }
    for _ in 0..<2 {
      let services = try await open(settings)
      #expect(services.degraded.map(\.fault) == [.corrupt])
      await services.shutdown()
      #expect(!FileManager.default.fileExists(atPath: DatabaseName.chatHistory.file(in: folders).path))
      #expect(try blobs.names().count == 1)
    }
  }

  @Test("a history of a newer version is left to that version")
  func newerHistory() async throws {
    let settings = try await made()
    let key = try HostKeyStore.keys(of: settings, folders: folders).1
    var newer = try #require(HostDatabases.migrator(of: .chatHistory))
    newer.registerMigration("99 from the future") { _ in }
    try EncryptedDatabase.open(.chatHistory, in: folders, key: key, migrator: newer).close()
    let services = try await open(settings)
    #expect(services.degraded.map(\.fault) == [.migration])
    await services.shutdown()
  }
}
