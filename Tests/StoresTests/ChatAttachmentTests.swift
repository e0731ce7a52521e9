import Foundation
import GRDB
import Identity
import Keyring
import Storage
import Testing

@testable import Stores

@Suite("Attachments of conversations")
struct ChatAttachmentTests {
  private let stores: TemporaryStores

  init() throws { stores = try TemporaryStores() }

  private var chats: ChatStore { stores.chats }

  private func attachment(_ content: Data, position: Int = 0) -> NewAttachment {
    NewAttachment(
      position: position, kind: "image_url", mediaType: "image/png",
      part: #"{"image_url":{"url":"data:image/png;base64,"},"type":"image_url"}"#, encoding: .base64,
      content: content)
  }

  private func content(_ count: Int, _ seed: Int = 0) -> Data {
    Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) })
  }

  @discardableResult
  private func say(_ attachments: NewAttachment..., in id: UUID = UUID()) async throws -> UUID {
    let turns = [NewTurn(role: "user", content: "look", attachments: attachments)]
    _ = try await chats.openSession(
      id, agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat, saying: { _ in turns })
    return id
  }

  private func blobCount() throws -> Int { try stores.blobs.names().count }

  private func contents(_ attachments: [AttachmentRecord]) async throws -> [Data] {
    var contents: [Data] = []
    for attachment in attachments { contents.append(try await chats.content(of: attachment)) }
    return contents
  }

  @Test("from 16 KiB on they are files of their own, below it they stay in the row, and both come back whole")
  func threshold() async throws {
    let sizes = [0, 1, 16_383, 16_384, 16_385, 200_000]
    let attachments = sizes.enumerated().map { attachment(content($1, $0), position: $0) }
    let id = UUID()
    let turns = [NewTurn(role: "user", content: "look", attachments: attachments)]
    _ = try await chats.openSession(
      id, agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat, saying: { _ in turns })
    let kept = try await chats.attachments(of: id)
    #expect(kept.map(\.byteCount) == sizes)
    #expect(kept.map { $0.blob == nil } == [true, true, true, false, false, false])
    #expect(kept.map { $0.content == nil } == [false, false, false, true, true, true])
    #expect(try await contents(kept) == attachments.map(\.content))
    #expect(kept.allSatisfy { $0.kind == "image_url" && $0.mediaType == "image/png" })
    #expect(try blobCount() == 3)
    let rows = try await stores.chat.read {
      try Int.fetchOne($0, sql: "SELECT max(length(content)) FROM attachments")
    }
    #expect(rows == 16_383)
  }

  @Test("the same content is kept once, and stays until the last conversation that has it is forgotten")
  func deduplication() async throws {
    let image = attachment(content(20_000))
    let first = try await say(image, attachment(image.content, position: 1))
    let second = try await say(image)
    try await say(attachment(content(20_000, 1)))
    #expect(try blobCount() == 2)
    try await chats.delete(first)
    #expect(try blobCount() == 2)
    let kept = try #require(try await chats.attachments(of: second).first)
    #expect(try await chats.content(of: kept) == image.content)
    try await chats.delete(second)
    #expect(try blobCount() == 1)
    #expect(try await chats.collectBlobs() == 0)
  }

  @Test(
    "attachments of every kind go with the last conversation that has them",
    arguments: ["image_url", "input_image", "video_url", "audio_url", "input_audio", "file", "another"])
  func kinds(kind: String) async throws {
    var film = attachment(content(300_000))
    film.kind = kind
    let session = try await say(film)
    #expect(try blobCount() == 1)
    #expect(try await chats.collectBlobs() == 0)
    try await chats.delete(session)
    #expect(try blobCount() == 0)
  }

  @Test("what a crash left behind, which nobody refers to, is collected, and nothing else")
  func orphans() async throws {
    let session = try await say(attachment(content(20_000)))
    let orphan = try stores.blobs.stage(content(20_000, 1))
    try stores.blobs.place(orphan)
    #expect(try blobCount() == 2)
    #expect(try await chats.collectBlobs() == 1)
    let kept = try await chats.attachments(of: session)
    #expect(try await contents(kept) == [content(20_000)])
  }

  @Test("a write that fails leaves neither a turn nor a file")
  func failedWrite() async throws {
    let session = try await say(attachment(content(100)))
    // The second attachment takes the place of the first, which the schema refuses.
    await #expect(throws: (any Error).self) {
      try await chats.append(
        [
          NewTurn(
            role: "user", content: "x", attachments: [attachment(content(20_000)), attachment(content(1))])
        ],
        to: session)
    }
    await #expect(throws: StoresError.noSuchSession) {
      try await chats.append(
        [NewTurn(role: "user", content: "x", attachments: [attachment(content(20_000))])], to: UUID())
    }
    #expect(try await chats.turns(of: session).count == 1)
    _ = try await chats.collectBlobs()
    #expect(try blobCount() == 0)
    #expect(
      try FileManager.default.contentsOfDirectory(
        atPath: stores.folders.data.appending(path: "chat/blobs").path
      ).isEmpty)
  }

  @Test("while many write, forget and collect at once, no attachment that is referred to is lost")
  func concurrency() async throws {
    let (chats, images) = (chats, (0..<3).map { attachment(content(20_000, $0)) })
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<6 {
        group.addTask {
          for round in 0..<12 {
            let id = UUID()
            let turns = [NewTurn(role: "user", content: "", attachments: [images[(number + round) % 3]])]
            _ = try await chats.openSession(
              id, agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat, saying: { _ in turns }
            )
            let kept = try #require(try await chats.attachments(of: id).first)
            _ = try await chats.content(of: kept)
            if round % 3 != 2 { try await chats.delete(id) }
          }
        }
      }
      for _ in 0..<2 {
        group.addTask { for _ in 0..<40 { try await chats.collectBlobs() } }
      }
      try await group.waitForAll()
    }
    let sessions = try await chats.sessions()
    #expect(sessions.count == 24)
    for session in sessions {
      for kept in try await chats.attachments(of: session.id) { _ = try await chats.content(of: kept) }
    }
  }

  @Test("an attachment whose file was changed, exchanged or lost is refused")
  func damaged() async throws {
    let id = try await say(attachment(content(20_000)))
    let kept = try #require(try await chats.attachments(of: id).first)
    let name = try #require(kept.blob.flatMap(BlobName.init(rawValue:)))
    let file = name.file(in: stores.folders)
    var bytes = try Data(contentsOf: file)
    bytes[bytes.count / 2] ^= 1
    let handle = try FileHandle(forWritingTo: file)
    try handle.write(contentsOf: bytes)
    try handle.close()
    await #expect(throws: StorageError.sealedFile(name: name.path, .alteredChunk(0))) {
      _ = try await chats.content(of: kept)
    }
    // The same content once more mends it.
    try await say(attachment(content(20_000)))
    #expect(try await chats.content(of: kept) == content(20_000))
    try FileManager.default.removeItem(at: file)
    await #expect(throws: StorageError.sealedFile(name: name.path, .missing)) {
      _ = try await chats.content(of: kept)
    }
  }

  @Test("a history that cannot be had refuses everything, with its reason")
  func unavailable() async throws {
    let reason = StorageError.damaged(database: "chat/history.sqlite", reason: "r")
    let store = ChatStore(StoreDatabase(.failure(reason)), blobs: stores.blobs)
    let expected = StoresError.unavailable(reason: reason.description)
    #expect(throws: expected) { try store.checkAvailable() }
    await #expect(throws: expected) { _ = try await store.sessions() }
    await #expect(throws: expected) { _ = try await store.search("x") }
    await #expect(throws: expected) { try await store.append([], to: UUID()) }
    await #expect(throws: expected) { try await store.delete(UUID()) }
    await #expect(throws: expected) { _ = try await store.collectBlobs() }
    try chats.checkAvailable()
  }
}
