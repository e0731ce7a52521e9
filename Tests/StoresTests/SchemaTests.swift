import Foundation
import GRDB
import Identity
import Keyring
import Testing

@testable import Stores

@Suite("Schemas")
struct SchemaTests {
  private func digest(_ pool: DatabasePool) async throws -> String {
    let statements = try await pool.read {
      try String.fetchAll(
        $0,
        sql:
          "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'grdb%' ORDER BY type, name")
    }
    // However it is indented.
    let text = statements.joined(separator: ";").split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return Hex.string(Keccak256.hash(Array(text.utf8)))
  }

  @Test("migrations are named, in order, and none of those that people have run was edited")
  func frozen() async throws {
    let stores = try TemporaryStores()
    #expect(
      HostSchema.migrator.migrations == ["1 agents, access keys and revocations", "3 invites", "5 devices"])
    #expect(
      ChatSchema.migrator.migrations == [
        "1 sessions and turns", "2 who opened a session",
        "3 attachments, and what a turn's content amounts to",
      ])
    // Whoever adds a migration adds the digest after it. Whoever has to change a digest has edited one.
    let (host, chat) = (try await digest(stores.host), try await digest(stores.chat))
    #expect(host == "cb3761bb7efa9caed22d9ecf9056e3da237a00a77bf2113d4e27daa98f804320")
    #expect(chat == "87c335e2b263dffc62a69516d0bcac6e411af0ec4195434c7246741d4b389bca")
  }

  @Test("conversations from before it was noted who opened them are the owner's")
  func olderConversations() async throws {
    let stores = try TemporaryStores()
    let pool = try DatabasePool(path: stores.folders.data.appending(path: "older.sqlite").path)
    try ChatSchema.migrator.migrate(pool, upTo: "1 sessions and turns")
    let id = UUID()
    try await pool.write { database in
      try database.execute(
        sql: """
          INSERT INTO sessions (id, agent_id, title, model, source, created_at, updated_at)
            VALUES (?, NULL, 'Garden', NULL, 'http', 1, 1)
          """,
        arguments: [id.uuidString])
    }
    try ChatSchema.migrator.migrate(pool)
    #expect(try await ChatStore(StoreDatabase(pool), blobs: stores.blobs).session(id)?.openedBy == .owner)
    try pool.close()
    withExtendedLifetime(stores) {}
  }

  @Test(
    "every refusal is a sentence",
    arguments: [
      StoresError.noSuchAgent("a"), .noSuchKey("k"), .noSuchInvite("i"), .tooManyInvites, .unknownInvite,
      .usedInvite, .revokedInvite, .expiredInvite, .noSuchSession, .nameTaken("a"), .badName,
      .indicesExhausted, .unavailable(reason: "It is damaged."), .malformedAttachment,
    ])
  func sentence(error: StoresError) {
    #expect(error.description.hasSuffix("."))
    #expect(!error.description.contains("\n"))
  }
}
