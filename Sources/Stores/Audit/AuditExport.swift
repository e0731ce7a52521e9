import Foundation
import GRDB
import Identity

/// A part of an export of the audit: lines of JSON, with everything that is needed to verify it elsewhere. Docs/AUDIT.md
/// describes them.
public struct AuditExport: Sendable {
  /// Whole lines, without their ends.
  public let lines: [String]
  /// What to go on after; nil where this was the end.
  public let next: Int64?

  private struct Head: Encodable {
    let type = "audit"
    let version = 1
    let floor: Int64
    let floorHash: String
    let host: UUID?
    let signer: String?
  }

  private struct RecordLine: Encodable {
    let record: AuditRecord
    let hash: String

    enum CodingKeys: String, CodingKey { case type, hash }

    func encode(to encoder: any Encoder) throws {
      try record.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode("record", forKey: .type)
      try container.encode(hash, forKey: .hash)
    }
  }

  /// In the place of a record that cannot be read as one.
  private struct BrokenLine: Encodable {
    let type = "broken"
    let sequence: Int64
    let bytes: String
    let hash: String
  }

  private struct CheckpointLine: Encodable {
    let type = "checkpoint"
    let sequence: Int64
    let time: Int64
    let host: UUID
    let signer: String
    let signature: String

    init(_ checkpoint: AuditCheckpoint) {
      (sequence, time, host) = (checkpoint.sequence, checkpoint.time, checkpoint.host)
      (signer, signature) = (checkpoint.signer.checksummed, Hex.string(checkpoint.signature))
    }
  }

  private struct End: Encodable {
    let type = "end"
    let last: Int64
  }

  /// - Throws: what the database says.
  init(_ database: Database, after previous: Int64?, limit: Int) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var lines: [String] = []
    func add(_ line: some Encodable) throws {
      lines.append(String(decoding: try encoder.encode(line), as: UTF8.self))
    }
    let bounds = try AuditStore.bounds(database)
    let start = previous ?? bounds.floor
    if previous == nil {
      let owner = bounds.floor > 0 ? bounds.binding : nil
      try add(
        Head(
          floor: bounds.floor, floorHash: Hex.string(bounds.hash), host: owner?.host,
          signer: owner?.signer.checksummed))
    }
    let rows = try Row.fetchAll(
      database, sql: "SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?",
      arguments: [start, limit]
    ).map(AuditVerifier.Kept.init)
    let isEnd = rows.count < limit
    // At the end, those whose record is gone are told, too.
    let checkpoints = try AuditCheckpoint.fetchAll(
      database,
      sql: "SELECT * FROM audit_checkpoints WHERE sequence BETWEEN ? AND ? ORDER BY sequence",
      arguments: [previous == nil ? start : start + 1, isEnd ? .max : rows.last?.sequence ?? start])
    var waiting = checkpoints[...]
    func addCheckpoints(before sequence: Int64) throws {
      while let next = waiting.first, next.sequence < sequence {
        try add(CheckpointLine(next))
        waiting.removeFirst()
      }
    }
    for row in rows {
      try addCheckpoints(before: row.sequence)
      if let record = AuditRecord(bytes: row.bytes), record.sequence == row.sequence {
        try add(RecordLine(record: record, hash: Hex.string(row.hash)))
      } else {
        try add(
          BrokenLine(sequence: row.sequence, bytes: Hex.string(row.bytes), hash: Hex.string(row.hash)))
      }
    }
    for checkpoint in waiting { try add(CheckpointLine(checkpoint)) }
    if isEnd { try add(End(last: max(bounds.last, rows.last?.sequence ?? start))) }
    self.lines = lines
    next = isEnd ? nil : rows.last?.sequence
  }
}
