import Foundation
import GRDB
import Identity
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
    #expect(HostSchema.migrator.migrations == ["1 agents, access keys and revocations"])
    #expect(ChatSchema.migrator.migrations == ["1 sessions and turns"])
    // Whoever adds a migration adds the digest after it. Whoever has to change a digest has edited one.
    #expect(
      try await digest(stores.host) == "317e8ab51a7fd744b2889097722e2be4af3f8e291747dfafe96bba3003dd6ab8")
    #expect(
      try await digest(stores.chat) == "fde90fdc6ac8d64636224c9e2fcb54c16ca2fc8f186042fc18c9b1f5d108c3de")
  }

  @Test(
    "every refusal is a sentence",
    arguments: [
      StoresError.noSuchAgent("a"), .noSuchKey("k"), .noSuchSession, .nameTaken("a"), .badName,
      .indicesExhausted,
    ])
  func sentence(error: StoresError) {
    #expect(error.description.hasSuffix("."))
    #expect(!error.description.contains("\n"))
  }
}
