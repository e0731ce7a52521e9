import Foundation
import GRDB
import Keyring
import Storage
import Testing

@testable import Stores

@Suite("What a turn's content amounts to")
struct TurnHashTests {
  private static let session = UUID(uuidString: "6F183DDF-7D1B-4A2B-8F6E-A3F1E0364D3F")!

  private func hash(
    session: UUID = session, position: Int = 0, role: String = "user", content: String = "",
    thinking: String = "", toolCalls: String? = nil, toolCallID: String? = nil,
    ending: TurnEnding = .complete,
    attachments: [AttachmentRecord] = []
  ) -> String {
    TurnHash.of(
      TurnRecord(
        id: UUID(), sessionID: session, position: position, role: role, content: content, thinking: thinking,
        toolCalls: toolCalls, toolCallID: toolCallID, ending: ending, createdAt: Date(), contentHash: ""),
      attachments: attachments)
  }

  private func attachment(
    position: Int = 0, kind: String = "a", mediaType: String? = nil, part: String = "",
    content: Data? = Data(),
    blob: String? = nil, byteCount: Int = 0
  ) -> AttachmentRecord {
    AttachmentRecord(
      turnID: UUID(), position: position, kind: kind, mediaType: mediaType, part: part, encoding: .json,
      byteCount: byteCount, content: content, blob: blob)
  }

  @Test("text that moves from one field to another changes it, and so does every other difference")
  func delimited() {
    let hashes = [
      hash(), hash(content: "ab"), hash(thinking: "ab"), hash(content: "a", thinking: "b"),
      hash(content: "", thinking: "", toolCalls: "ab"), hash(toolCallID: "ab"), hash(toolCalls: ""),
      hash(toolCallID: ""), hash(toolCalls: "a", toolCallID: "b"), hash(toolCalls: "ab", toolCallID: ""),
      hash(role: "userab"), hash(role: "us", content: "er"), hash(position: 1), hash(session: UUID()),
      hash(ending: .cut), hash(ending: .cancelled),
      hash(attachments: [attachment()]), hash(attachments: [attachment(), attachment(position: 1)]),
      hash(attachments: [attachment(kind: "ab")]), hash(attachments: [attachment(kind: "a", part: "b")]),
      hash(attachments: [attachment(mediaType: "b")]), hash(attachments: [attachment(mediaType: "")]),
      hash(attachments: [attachment(content: Data([1]))]),
      hash(attachments: [attachment(content: nil, blob: "x")]),
      hash(attachments: [attachment(content: nil, blob: "y")]), hash(attachments: [attachment(byteCount: 1)]),
    ]
    #expect(Set(hashes).count == hashes.count)
    #expect(hashes.allSatisfy { $0.utf8.count == 64 })
    #expect(hash(content: "ab") == hash(content: "ab"))
  }

  @Test("it is kept with every turn, and turns from before there was one get it")
  func kept() async throws {
    let stores = try TemporaryStores()
    let session = try await stores.chats.openSession(
      UUID(), agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat)
    try await stores.chats.append(
      [
        NewTurn(role: "user", content: "null \u{0}"), NewTurn(role: "assistant", content: "b", thinking: "c"),
      ],
      to: session.id)
    for turn in try await stores.chats.turns(of: session.id) {
      #expect(turn.contentHash == TurnHash.of(turn, attachments: []))
    }

    let pool = try DatabasePool(path: stores.folders.data.appending(path: "older.sqlite").path)
    try ChatSchema.migrator.migrate(pool, upTo: "2 who opened a session")
    try await pool.write { database in
      try database.execute(
        sql: """
          INSERT INTO sessions (id, title, source, created_at, updated_at) VALUES ('\(Self.session)', '', 'chat', 1, 1);
          INSERT INTO turns (id, session_id, position, role, content, thinking, tool_call_id, ending, created_at)
            VALUES ('\(UUID())', '\(Self.session)', 0, 'user', 'café', 'hm', 'c1', 'cut', 1);
          """)
    }
    try ChatSchema.migrator.migrate(pool)
    let store = ChatStore(StoreDatabase(pool), blobs: stores.blobs)
    let turn = try #require(try await store.turns(of: Self.session).first)
    #expect(turn.contentHash == hash(content: "café", thinking: "hm", toolCallID: "c1", ending: .cut))
    let found = try await pool.read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM turns_text WHERE turns_text MATCH 'cafe'")
    }
    #expect(found == 1)
    try pool.close()
  }
}
