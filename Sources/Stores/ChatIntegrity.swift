import Foundation
public import GRDB
public import Storage

/// Whether conversations are as they were written: what each turn amounts to, and which blobs they refer to. All of it only reads, a turn at a time.
public struct ChatIntegrity: Sendable {
  /// What is wrong, one sentence each; at most a hundred.
  public private(set) var problems: [String] = []
  /// The blobs that turns refer to.
  public private(set) var blobs: Set<BlobName> = []
  public private(set) var turns = 0

  /// Looks at a database with ``ChatSchema``, on a connection that cannot write.
  public init(checking database: Database) throws {
    let attachments = try database.cachedStatement(
      sql: "SELECT * FROM attachments WHERE turn_id = ? ORDER BY position")
    let rows = try Row.fetchCursor(database, sql: "SELECT * FROM turns ORDER BY row_id")
    while let row = try rows.next() {
      let turn = try TurnRecord(row: row)
      let kept = try AttachmentRecord.fetchAll(attachments, arguments: [turn.id.uuidString])
      check(turn, kept)
      turns += 1
    }
  }

  private mutating func check(_ turn: TurnRecord, _ attachments: [AttachmentRecord]) {
    if TurnHash.of(turn, attachments: attachments) != turn.contentHash {
      report("turn \(turn.position) of conversation \(turn.sessionID.uuidString) is not as it was written")
    }
    for text in attachments.compactMap(\.blob) {
      if let blob = BlobName(rawValue: text) { blobs.insert(blob) }
    }
  }

  private mutating func report(_ problem: String) {
    if problems.count < 100 { problems.append(problem) }
  }

  /// The blobs that turns refer to, as of now.
  public static func referredBlobs(_ database: Database) throws -> Set<BlobName> {
    Set(
      try String.fetchAll(database, sql: "SELECT DISTINCT blob FROM attachments WHERE blob IS NOT NULL")
        .compactMap(BlobName.init(rawValue:)))
  }
}
