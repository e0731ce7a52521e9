import Crypto
import Foundation
import GRDB
import Keyring
import SecretMemory
import Testing

@testable import Storage

@Suite("Encrypted databases")
struct EncryptedDatabaseTests {
  private let folders: HostFolders
  private let cleanUp: CleanUp

  private final class CleanUp: Sendable {
    let url: URL
    init(_ url: URL) { self.url = url }
    deinit { try? FileManager.default.removeItem(at: url) }
  }

  init() throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "osaurus-test-\(UUID().uuidString)")
    folders = HostFolders(home: home)
    cleanUp = CleanUp(home)
    try folders.create()
  }

  private var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { try $0.execute(sql: "CREATE TABLE said (what TEXT)") }
    return migrator
  }

  private func open(_ key: DataKey) throws -> DatabasePool {
    try EncryptedDatabase.open(.chatHistory, in: folders, key: key, migrator: migrator)
  }

  private func files() throws -> [String: [UInt8]] {
    let folder = DatabaseName.chatHistory.file(in: folders).deletingLastPathComponent()
    var contents: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      contents[name] = [UInt8](try Data(contentsOf: folder.appending(path: name)))
    }
    return contents
  }

  @Test("nothing that was written can be read from the files, and only their owner may open them")
  func encrypted() throws {
    let pool = try open(.generate())
    try pool.write { try $0.execute(sql: "INSERT INTO said VALUES ('a very recognisable sentence')") }
    for (name, content) in try files() {
      #expect(!content.starts(with: Array("SQLite format 3".utf8)), "\(name)")
      #expect(!String(decoding: content, as: UTF8.self).contains("recognisable"), "\(name)")
      let path = DatabaseName.chatHistory.file(in: folders).deletingLastPathComponent().appending(path: name)
        .path
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600, "\(name)")
    }
    try pool.close()
  }

  @Test("what was written is there after the database is opened again")
  func durable() throws {
    let key = DataKey.generate()
    let first = try open(key)
    try first.write { try $0.execute(sql: "INSERT INTO said VALUES ('hello')") }
    try first.close()
    let second = try open(key)
    #expect(try second.read { try String.fetchAll($0, sql: "SELECT what FROM said") } == ["hello"])
    try second.close()
  }

  @Test("a wrong key is refused and changes no byte")
  func wrongKey() throws {
    let pool = try open(.generate())
    try pool.write { try $0.execute(sql: "INSERT INTO said VALUES ('hello')") }
    try pool.close()
    let before = try files()
    #expect(throws: StorageError.wrongKey(database: "chat/history.sqlite")) { _ = try open(.generate()) }
    #expect(try files()["history.sqlite"] == before["history.sqlite"])
  }

  @Test("a missing data key is never replaced while something is stored")
  func missingKey() throws {
    let store = FileKeyStore(file: folders.keyFile)
    let key = try DataKey.provision(in: store, folders: folders)
    try open(key).close()
    try store.remove(.dataKey)
    #expect(throws: StorageError.keyMissingForExistingData) {
      _ = try DataKey.provision(in: store, folders: folders)
    }
  }

  @Test("a database of a newer version is refused")
  func newerSchema() throws {
    let key = DataKey.generate()
    var newer = migrator
    newer.registerMigration("2") { try $0.execute(sql: "CREATE TABLE more (x)") }
    try EncryptedDatabase.open(.chatHistory, in: folders, key: key, migrator: newer).close()
    #expect(throws: StorageError.newerSchema(database: "chat/history.sqlite")) { _ = try open(key) }
  }
}
