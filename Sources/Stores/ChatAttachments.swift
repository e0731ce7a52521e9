public import Foundation
import GRDB
import Storage

/// How an attachment's bytes stand in the message that it came with.
public enum AttachmentEncoding: String, Codable, Sendable {
  /// In base64, after what stands in the part before it.
  case base64
  /// As text, after what stands in the part before it.
  case text
  /// They are the whole part, as JSON.
  case json
}

/// Something besides text that is said: an image, a sound, a film, a document. It is kept so that the part of the message that
/// it came as can be put together again to the letter.
public struct NewAttachment: Hashable, Sendable {
  /// Which part of the message it was, text counted with it.
  public var position: Int
  /// The type of that part, such as `image_url`.
  public var kind: String
  /// Such as `image/png`, where it was said.
  public var mediaType: String?
  /// The part as JSON, without the content.
  public var part: String
  public var encoding: AttachmentEncoding
  public var content: Data

  public init(
    position: Int, kind: String, mediaType: String?, part: String, encoding: AttachmentEncoding, content: Data
  ) {
    self.position = position
    self.kind = kind
    self.mediaType = mediaType
    self.part = part
    self.encoding = encoding
    self.content = content
  }
}

/// An attachment of a turn, without its content where that is a blob.
public struct AttachmentRecord: Codable, Hashable, Sendable {
  public let turnID: UUID
  public let position: Int
  public let kind: String
  public let mediaType: String?
  public let part: String
  public let encoding: AttachmentEncoding
  public let byteCount: Int
  /// The content, where it is in the row.
  public let content: Data?
  /// The name of the blob that it is in otherwise.
  public let blob: String?

  enum CodingKeys: String, CodingKey {
    case position, kind, mediaType, part, encoding, byteCount, content, blob
    case turnID = "turnId"
  }
}

extension AttachmentRecord: StoredRecord {
  public static let databaseTableName = "attachments"
}

/// A turn whose large attachments are sealed already.
struct StagedTurn: Sendable {
  let turn: NewTurn
  let attachments: [StagedAttachment]
}

struct StagedAttachment: Sendable {
  let attachment: NewAttachment
  let staged: StagedBlob?

  func row(of turn: UUID) -> AttachmentRecord {
    AttachmentRecord(
      turnID: turn, position: attachment.position, kind: attachment.kind.asStored,
      mediaType: attachment.mediaType?.asStored, part: attachment.part.asStored,
      encoding: attachment.encoding, byteCount: attachment.content.count,
      content: staged == nil ? attachment.content : nil, blob: staged?.name.rawValue)
  }
}

extension ChatStore {
  /// Seals what is too large for a row.
  func stage(_ turns: [NewTurn]) throws(StorageError) -> [StagedTurn] {
    var staged: [StagedTurn] = []
    for turn in turns {
      var attachments: [StagedAttachment] = []
      for attachment in turn.attachments {
        let isLarge = attachment.content.count >= Self.blobThreshold
        attachments.append(
          StagedAttachment(
            attachment: attachment, staged: isLarge ? try blobs.stage(attachment.content) : nil))
      }
      staged.append(StagedTurn(turn: turn, attachments: attachments))
    }
    return staged
  }

  /// The attachments of everything that was said in a conversation, in order.
  public func attachments(of sessionID: UUID) async throws -> [AttachmentRecord] {
    try await pool.read { database in
      try AttachmentRecord.fetchAll(
        database,
        sql: """
          SELECT attachments.* FROM attachments JOIN turns ON turns.id = attachments.turn_id
          WHERE session_id = ? ORDER BY turns.position, attachments.position
          """,
        arguments: [sessionID.uuidString])
    }
  }

  /// What is in an attachment, once all of it is proven to be what was written.
  /// - Throws: `StorageError.sealedFile` where it is not, or ``StoresError/malformedAttachment``.
  public func content(of attachment: AttachmentRecord) async throws -> Data {
    do {
      return try storedContent(of: attachment)
    } catch let error as StorageError {
      // With another data key it has got another name since the record was read.
      let now = try await pool.read { database in
        try AttachmentRecord.fetchOne(
          database, sql: "SELECT * FROM attachments WHERE turn_id = ? AND position = ?",
          arguments: [attachment.turnID.uuidString, attachment.position])
      }
      guard let now, now.blob != attachment.blob else { throw error }
      return try storedContent(of: now)
    }
  }

  private func storedContent(of attachment: AttachmentRecord) throws -> Data {
    if let content = attachment.content { return content }
    guard let blob = attachment.blob.flatMap(BlobName.init(rawValue:)) else {
      throw StoresError.malformedAttachment
    }
    return try blobs.bytes(of: blob, limit: attachment.byteCount)
  }

  /// Takes those of these blobs away that no turn refers to.
  /// - Returns: how many these were.
  @discardableResult
  func collect(_ names: [BlobName]) async throws -> Int {
    guard !names.isEmpty else { return 0 }
    return try await pool.write { database in
      let unused = try names.filter { name in
        try Bool.fetchOne(
          database, sql: "SELECT NOT EXISTS (SELECT 1 FROM attachments WHERE blob = ?)",
          arguments: [name.rawValue]) == true
      }
      blobs.remove(unused)
      return unused.count
    }
  }

  /// Takes every blob away that no turn refers to, and what is left of processes that died while they sealed one.
  /// - Returns: how many blobs these were.
  @discardableResult
  public func collectBlobs() async throws -> Int {
    try blobs.removeUnfinished(olderThan: 24 * 3600)
    return try await pool.write { database in
      let used = try Set(
        String.fetchAll(database, sql: "SELECT blob FROM attachments WHERE blob IS NOT NULL"))
      let unused = try blobs.names().filter { !used.contains($0.rawValue) }
      blobs.remove(unused)
      return unused.count
    }
  }
}
