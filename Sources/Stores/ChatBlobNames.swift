public import GRDB
public import Storage

/// What blobs are called in the history. Their names are keyed, so they are others under another data key.
public enum ChatBlobNames {
  /// Calls blobs by other names wherever turns refer to them. The hash of a turn that was as it was written goes with that;
  /// one of a turn that was changed stays wrong.
  /// - Parameters:
  ///   - names: the new names. A name that is not among them stays: its blob is missing.
  ///   - database: one with ``ChatSchema``, or an earlier one, which refers to no blobs.
  public static func exchange(_ names: [BlobName: BlobName], in database: Database) throws {
    guard try database.tableExists("attachments") else { return }
    let turns = try String.fetchAll(
      database, sql: "SELECT DISTINCT turn_id FROM attachments WHERE blob IS NOT NULL")
    for id in turns {
      guard
        let turn = try TurnRecord.fetchOne(database, sql: "SELECT * FROM turns WHERE id = ?", arguments: [id])
      else { continue }
      let wasRight = try TurnHash.of(turn, attachments: attachments(of: id, database)) == turn.contentHash
      for attachment in try attachments(of: id, database) {
        guard let new = attachment.blob.flatMap(BlobName.init(rawValue:)).flatMap({ names[$0] }) else {
          continue
        }
        try database.execute(
          sql: "UPDATE attachments SET blob = ? WHERE turn_id = ? AND position = ?",
          arguments: [new.rawValue, id, attachment.position])
      }
      guard wasRight else { continue }
      try database.execute(
        sql: "UPDATE turns SET content_hash = ? WHERE id = ?",
        arguments: [TurnHash.of(turn, attachments: attachments(of: id, database)), id])
    }
  }

  private static func attachments(of turn: String, _ database: Database) throws -> [AttachmentRecord] {
    try AttachmentRecord.fetchAll(
      database, sql: "SELECT * FROM attachments WHERE turn_id = ? ORDER BY position", arguments: [turn])
  }
}
