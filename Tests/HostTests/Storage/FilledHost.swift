import Foundation
import GRDB
import Identity
import Keyring
import SecretMemory
import Storage
import Stores
import Testing

@testable import Host

/// A host with something in every place where something can be, and nothing that runs.
final class FilledHost {
  let home = TemporaryHome()
  let settings: HostSettings
  let storage: HostStorage
  let words: String
  let session = UUID()
  let agent: AgentRecord
  let small = Data((0..<5_000).map { UInt8($0 % 241) })
  let large = Data((0..<100_000).map { UInt8($0 % 251) })
  let agentDatabase: DatabaseName
  static let plugin = DatabaseName.plugin(PluginID(rawValue: "com.example.weather")!)

  var folders: HostFolders { home.folders }

  init() async throws {
    let folders = home.folders
    let made = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    words = made.withWords { $0.joined(separator: " ") }
    settings = try HostSettings.load(folders: folders)
    storage = try HostStorage(folders: folders, settings: settings)
    let services = try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
    let master = services.master
    agent = try await services.agents.create(name: "Ada") { try master.agentKey($0).address }
    agentDatabase = .agent(agent.id)
    _ = try await services.keys.mint(by: master.signingKey, label: "phone", expiry: .never)
    func attachment(_ position: Int, _ content: Data) -> NewAttachment {
      NewAttachment(
        position: position, kind: "image_url", mediaType: "image/png", part: "{}", encoding: .base64,
        content: content)
    }
    let turns = (0..<30).map { number in
      NewTurn(
        role: "user",
        content: "the tulip and the rose, number \(number) " + String(repeating: "x", count: 600),
        attachments: number == 0
          ? [attachment(1, small), attachment(2, large)] : number == 3 ? [attachment(1, large)] : [])
    }
    _ = try await services.chats.openSession(
      session, agentID: agent.id, openedBy: .owner, title: "Garden", model: nil, source: .chat,
      saying: { _ in turns })
    let memories = MemoryStore(try HostDatabases.open(in: folders, key: storage.key).memory)
    for (number, content) in ["tulips are planted in autumn", "roses want sun", "forget me"].enumerated() {
      let memory = try await memories.add(NewMemory(agentID: agent.id, layer: .pinned, content: content))
      let waiting = try await memories.unembedded(model: "m", limit: 1)
      let vector = try #require(Embedding(model: "m", [Double(number), 1, 0]))
      try await memories.keep([(waiting[0], vector)])
      if number == 2 { try await memories.forget(memory.id) }
    }
    await services.shutdown()
    for (name, word) in [(agentDatabase, "agent's own"), (Self.plugin, "plugin's own")] {
      let pool = try EncryptedDatabase.open(name, in: folders, key: storage.key, migrator: Self.migrator)
      try await pool.write { database in
        try database.execute(
          sql: "INSERT INTO notes (rowid, what) VALUES (7, ?), (9, 'second')", arguments: [word])
      }
      EncryptedDatabase.close(pool)
    }
  }

  /// A table without a number of its own, and a full-text index over its rowids.
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") {
      try $0.execute(
        sql: """
          CREATE TABLE notes (what TEXT);
          CREATE VIRTUAL TABLE notes_text USING fts5 (what, content = 'notes', content_rowid = 'rowid');
          CREATE TRIGGER notes_ai AFTER INSERT ON notes BEGIN
            INSERT INTO notes_text (rowid, what) VALUES (new.rowid, new.what);
          END;
          """)
    }
    return migrator
  }

  /// A new host of the same identity, or of another one, that holds nothing.
  static func fresh(_ home: borrowing TemporaryHome, words: String?, oldKeys: OldAccessKeys = .keep)
    async throws -> HostSettings
  {
    let initialiser = HostInitialiser(folders: home.folders)
    if let words {
      _ = try await initialiser.initialise(
        keyStore: .file, from: try Mnemonic(parsing: words), oldKeys: oldKeys)
    } else {
      _ = try await initialiser.initialise(keyStore: .file)
    }
    return try HostSettings.load(folders: home.folders)
  }

  /// Exports it beside its folders.
  func export(_ name: String = "out", passphrase: String? = nil) throws -> String {
    let path = "\(home.path)/\(name)"
    _ = try StorageExport(storage).run(
      to: path, form: .init(path: path), passphrase: passphrase.map(Self.secret))
    return path
  }

  static func secret(_ text: String) -> SecretBytes {
    SecretBytes(count: text.utf8.count) { $0.copyBytes(from: Array(text.utf8)) }
  }

  /// That another host has all of it, and that all of that is as it was written.
  func expectEverything(in folders: HostFolders) async throws {
    let settings = try HostSettings.load(folders: folders)
    let services = try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
    let turns = try await services.chats.turns(of: session)
    #expect(turns.count == 30)
    let attachments = try await services.chats.attachments(of: session)
    #expect(attachments.map(\.byteCount) == [5_000, 100_000, 100_000])
    var contents: [Data] = []
    for attachment in attachments { contents.append(try await services.chats.content(of: attachment)) }
    #expect(contents == [small, large, large])
    let found = try await services.chats.search("tulip", limit: 100)
    #expect(found.count == 30)
    let agents = try await services.agents.list()
    #expect(agents.map(\.id) == [agent.id] && agents.map(\.address) == [agent.address])
    let keys = try await services.keys.list()
    #expect(keys.map(\.label) == ["phone"])
    await services.shutdown()
    let storage = try HostStorage(folders: folders, settings: settings)
    let databases = try HostDatabases.open(in: folders, key: storage.key)
    let memories = MemoryStore(databases.memory)
    let hits = try await memories.search(
      MemoryQuestion(
        agentID: agent.id, text: "roses", layers: Set(MemoryLayer.allCases), limit: 5,
        embedding: Embedding(model: "m", [0, 1, 0])))
    #expect(hits.contains { $0.memory.content == "roses want sun" && $0.byWords })
    #expect(hits.contains { $0.memory.content == "tulips are planted in autumn" && $0.byMeaning })
    #expect(hits.count == 2)
    databases.close()
    for (name, word) in [(agentDatabase, "agent's own"), (Self.plugin, "plugin's own")] {
      let rows = try EncryptedDatabase.read(name, in: folders, key: storage.key) { database in
        try Row.fetchAll(
          database,
          sql:
            "SELECT notes.rowid, notes.what FROM notes_text JOIN notes ON notes.rowid = notes_text.rowid WHERE notes_text MATCH 'own'"
        )
      }
      #expect(rows.map { $0[0] as Int64 } == [7] && rows.map { $0[1] as String } == [word])
    }
    let verified = try storage.verify()
    #expect(!verified.isBroken, "\(verified.findings)")
    #expect(!FileManager.default.fileExists(atPath: folders.data.path + "/" + ImportSwitch.building))
    #expect(!FileManager.default.fileExists(atPath: folders.data.path + "/" + ImportSwitch.built))
  }

  /// That a host has nothing of it.
  static func expectNothing(in folders: HostFolders) async throws {
    let settings = try HostSettings.load(folders: folders)
    let services = try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
    let sessions = try await services.chats.sessions()
    let agents = try await services.agents.list()
    #expect(sessions.isEmpty && agents.isEmpty)
    await services.shutdown()
    let stored = try StoredFiles.find(in: folders)
    #expect(stored.databases == HostDatabases.kept.sorted() && stored.blobs.isEmpty)
    #expect(try !HostStorage(folders: folders, settings: settings).verify().isBroken)
    #expect(!FileManager.default.fileExists(atPath: folders.data.path + "/" + ImportSwitch.building))
  }
}
