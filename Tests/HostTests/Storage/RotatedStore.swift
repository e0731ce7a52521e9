import Foundation
import GRDB
import Identity
import Keyring
import SecretMemory
import Storage
import Stores
import Testing

@testable import Host

/// A host with something in every kind of place: a conversation with attachments, a memory, an agent, databases of an agent
/// and a plugin, and slots for the words and for a passphrase.
final class RotatedStore {
  static let agent = UUID()
  private static let passphrase = "correct horse battery"

  let host: StoredHost
  let settings: HostSettings
  let first: DataKey
  let master: MasterKey
  var folders: HostFolders { host.folders }
  var store: any KeyStore { FileKeyStore(file: folders.keyFile) }

  init(in folder: String = "/tmp") async throws {
    let host = try await StoredHost(in: folder)
    (self.host, settings) = (host, host.settings)
    (master, first) = try HostKeyStore.keys(of: host.settings, folders: host.folders)
    let databases = try HostDatabases.open(in: host.folders, key: first)
    let chats = ChatStore(databases.chatHistory, blobs: databases.blobs)
    for number in 1...2 {
      let document = NewAttachment(
        position: 0, kind: "document", mediaType: nil, part: "{}", encoding: .text,
        content: Data(repeating: UInt8(number), count: 100_000 + number))
      _ = try await chats.openSession(
        UUID(), agentID: nil, openedBy: .owner, title: "Document \(number)", model: nil, source: .chat,
        saying: { _ in [NewTurn(role: "user", content: "read the lily", attachments: [document])] })
    }
    _ = try await MemoryStore(databases.memory).add(
      NewMemory(agentID: nil, layer: .identity, author: .owner, content: "tulips", salience: 0.5))
    for name in try [DatabaseName.agent(Self.agent), .plugin(#require(PluginID(rawValue: "garden")))] {
      try await databases.cabinet.withDatabase(name, migrator: DatabaseMigrator()) { pool in
        try await pool.write {
          try $0.execute(
            sql: "CREATE TABLE own (id INTEGER PRIMARY KEY, what TEXT); INSERT INTO own VALUES (7, 'x')")
        }
      }
    }
    await databases.cabinet.closeAll()
    databases.close()
    try KeySlotFile(folders: folders, host: settings.hostID).add(
      .passphrase(Self.secret()), for: first, cost: Argon2Parameters(operations: 1, memory: 64 << 20))
  }

  private static func secret() throws -> Passphrase {
    try Passphrase(typed: SecretBytes(count: passphrase.utf8.count) { $0.copyBytes(from: passphrase.utf8) })
  }

  func services() async throws -> HostServices { try await host.services() }
  func storage() throws -> HostStorage { try HostStorage(folders: folders, settings: settings) }
  func items() throws -> [String] { try store.names().sorted() }

  func blobNames() throws -> [String] { try StoredFiles.find(in: folders).blobs.map(\.path) }

  /// The keys that words and passphrase open.
  func slotsOpen() throws -> [DataKey] {
    let slots = HostKeySlots(folders: folders, settings: settings)
    return [
      try slots.open(with: .phrase(master)).key, try slots.open(with: .passphrase(Self.secret())).key,
    ]
  }

  /// Everything that can be read, as text.
  func content() async throws -> [String] {
    let databases = try HostDatabases.open(in: folders, key: storage().key)
    let chats = ChatStore(databases.chatHistory, blobs: databases.blobs)
    var content: [String] = []
    for session in try await chats.sessions().sorted(by: { $0.title < $1.title }) {
      content.append(session.title)
      content += try await chats.turns(of: session.id).map { "\($0.position) \($0.role) \($0.content)" }
      for attachment in try await chats.attachments(of: session.id) {
        let bytes = try await chats.content(of: attachment)
        content.append("\(attachment.position) \(attachment.kind) \(bytes.count) \(bytes.hashValue)")
      }
    }
    content.append("\(try await chats.search("lily").count)")
    content += try await databases.memory.read {
      try String.fetchAll($0, sql: "SELECT content FROM memories")
    }
    for name in try DatabaseName.existing(in: folders) where name != .host {
      guard case .agent = name else { continue }
      content += try await databases.cabinet.withDatabase(name, migrator: DatabaseMigrator()) { pool in
        try await pool.read { try String.fetchAll($0, sql: "SELECT id || what FROM own") }
      }
    }
    await databases.cabinet.closeAll()
    databases.close()
    return content
  }

  /// That it is whole, has this content, is all under one key, and that nothing of a rotation is left.
  func expectWhole(_ content: [String], under generation: String) async throws {
    let storage = try storage()
    #expect(storage.key.generation.description == generation)
    let broken = try storage.verify().findings.filter { $0.state != .good }
    #expect(broken.isEmpty, "\(broken)")
    #expect(!NextGeneration(of: folders).isThere)
    withExtendedLifetime(storage) {}
    #expect(try await self.content() == content)
  }
}
