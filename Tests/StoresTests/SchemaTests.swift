import Foundation
import GRDB
import Keyring
import Testing

@testable import Identity
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
      HostSchema.migrator.migrations == [
        "1 agents, access keys and revocations", "2 trusted issuers and the use of access keys", "3 invites",
        "4 identity health and recovery", "5 devices", "6 pairing",
        "7 agents to be forgotten", "8 relay", "9 permission modes",
        "10 secrets and settings in sandboxes", "11 audit", "12 sandbox settings",
      ])
    #expect(
      ChatSchema.migrator.migrations == [
        "1 sessions and turns", "2 who opened a session",
        "3 attachments, and what a turn's content amounts to", "4 full-text pages as large as fits",
      ])
    #expect(
      MemorySchema.migrator.migrations == [
        "1 memories, vectors and pending signals", "2 full-text pages as large as fits",
      ])
    #expect(MethodSchema.migrator.migrations == ["1 methods and what came of them"])
    #expect(ToolIndexSchema.migrator.migrations == ["1 tools and vectors"])
    // Whoever adds a migration adds the digest after it. Whoever has to change a digest has edited one.
    let (host, chat) = (try await digest(stores.host), try await digest(stores.chat))
    let memory = try await digest(stores.memory)
    let (methods, tools) = (try await digest(stores.methodology), try await digest(stores.toolIndex))
    #expect(host == "3ceb499b61d797a5d242d0760063dba882057df4fbd88016775ec1fe8d4d5fab")
    #expect(chat == "87c335e2b263dffc62a69516d0bcac6e411af0ec4195434c7246741d4b389bca")
    #expect(methods == "03b639b82264ed171fcd1100561f141863605b39c55cde63369acd7006a9435f")
    #expect(tools == "e0dede394e0a98740dce54f001caadb69204ac47b9570a9e4e13b7c8e3ee9b4d")
    #expect(memory == "86753b15320271789705fd36e3792ee3a4f9848fd6b9c89ff381495f4e949499")
  }

  @Test("keys and agents from before addresses had a beginning go on; whoever was trusted is")
  func olderKeys() async throws {
    let stores = try TemporaryStores()
    let pool = try DatabasePool(path: stores.folders.data.appending(path: "older.sqlite").path)
    try HostSchema.migrator.migrate(pool, upTo: "1 agents, access keys and revocations")
    let (master, friend) = (stores.master, try MasterKey.generate().address)
    let agent = try master.agentKey(AgentIndex(rawValue: 0))
    let made = [master.signingKey, agent].map { AccessKeyMint.foreign(by: $0) }
    try await pool.write { database in
      try database.execute(
        sql: """
          INSERT INTO agents (id, name, key_index, address, created_at, updated_at) VALUES (?, 'Ada', 0, ?, 1, 1);
          INSERT INTO access_keys
            (id, label, fingerprint, nonce, counter, issuer, audience, expiry, created_at)
            VALUES (?, 'old', 'abcd1234', ?, 1, ?, ?, 'never', 1);
          INSERT INTO whitelist (agent, issuer) VALUES ('', ?);
          UPDATE counters SET value = 1 WHERE name = 'key_counter';
          UPDATE counters SET value = 0 WHERE name = 'agent_index';
          """,
        arguments: [
          UUID().uuidString, agent.address, UUID().uuidString, made[0].claims.nonce, master.address,
          master.address, friend,
        ])
    }
    try HostSchema.migrator.migrate(pool)
    let keys = AccessKeyStore(StoreDatabase(pool))
    try await IdentityStore(StoreDatabase(pool)).settle(for: master.address)
    let rules = try await keys.validatorRules(master: master.address)
    let validator = AccessKeyValidator(rules: rules)
    for key in made {
      guard case .valid = key.withText({ validator.validate($0, now: 1_700_000_100) }) else {
        Issue.record("a key from before is refused")
        continue
      }
    }
    #expect(rules.masterWhitelist == [friend])
    #expect(try await keys.find(reference: "abcd1234").label == "old")
    #expect(try await TrustedIssuerStore(StoreDatabase(pool)).list().first?.addedAt == nil)
    try pool.close()
    withExtendedLifetime(stores) {}
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
      .usedInvite, .revokedInvite, .expiredInvite, .ambiguousKey("k"), .noAddress("a"),
      .ownAddress(Address(bytes: [UInt8](repeating: 1, count: 20))!),
      .notTrusted(Address(bytes: [UInt8](repeating: 1, count: 20))!), .counterMissing, .noSuchSession,
      .nameTaken("a"), .badName, .indexGiven(1), .indicesExhausted,
      .unavailable(reason: "It is damaged."), .malformedAttachment, .auditFull,
    ])
  func sentence(error: StoresError) {
    #expect(error.description.hasSuffix("."))
    #expect(!error.description.contains("\n"))
  }
}
