public import Foundation
import GRDB
import Identity

/// What an export that was kept elsewhere says of one record: its number and its hash, which covers everything before it.
public struct AuditWitness: Codable, Hashable, Sendable {
  /// The most bytes of a line of an export.
  public static let longestLine = 64 << 10

  public let sequence: Int64
  /// 64 hexadecimal digits.
  public let hash: String

  public init(sequence: Int64, hash: String) {
    self.sequence = sequence
    self.hash = hash
  }

  private struct Line: Decodable {
    let type: String
    var sequence: Int64?
    var hash: String?
    var version: Int?
    var floor: Int64?
    var floorHash: String?
  }

  /// What a line of an export says; nil for a line that says nothing of a hash, such as a signature.
  /// - Throws: ``StoresError/notAnAuditExport`` where it is no line of an export.
  public static func read(_ line: Data) throws(StoresError) -> AuditWitness? {
    guard line.count <= longestLine, let line = try? JSONDecoder().decode(Line.self, from: line) else {
      throw .notAnAuditExport
    }
    let said: (sequence: Int64?, hash: String?)
    switch line.type {
    case "audit":
      guard line.version == 1, let floor = line.floor else { throw .notAnAuditExport }
      // Nothing was removed then, and there is no record of that number.
      guard floor > 0 else { return nil }
      said = (floor, line.floorHash)
    case "record", "broken": said = (line.sequence, line.hash)
    case "checkpoint", "end": return nil
    default: throw .notAnAuditExport
    }
    guard let sequence = said.sequence, sequence > 0, let hash = said.hash, CodeDigest(hex: hash) != nil
    else {
      throw .notAnAuditExport
    }
    return AuditWitness(sequence: sequence, hash: hash)
  }
}

/// What came of holding an audit against what an earlier export says of it.
public struct AuditComparison: Hashable, Sendable {
  /// Records that are the same in both.
  public internal(set) var matched = 0
  /// Records that the owner has removed since, of which nothing can be said.
  public internal(set) var removed = 0
  /// The first difference: every hash covers what is before it, so that none is the same after it.
  public internal(set) var fault: AuditFault?
}

extension AuditStore {
  /// Looks whether the audit still is what an export was made of.
  /// - Parameter witnesses: what the export says, at most ``mostListed``.
  public func compare(with witnesses: [AuditWitness]) async throws -> AuditComparison {
    try await read { database in
      let bounds = try Self.bounds(database)
      var comparison = AuditComparison()
      for witness in witnesses.prefix(Self.mostListed) {
        guard witness.sequence <= bounds.last else {
          comparison.fault = .cutOff(
            after: bounds.last, last: witnesses.map(\.sequence).max() ?? witness.sequence)
          break
        }
        guard let kept = try Self.hash(of: witness.sequence, bounds, database) else {
          if witness.sequence < bounds.floor {
            comparison.removed += 1
            continue
          }
          comparison.fault = .missing(first: witness.sequence, last: witness.sequence)
          break
        }
        guard kept == Hex.decode(witness.hash) else {
          comparison.fault = .notAsExported(witness.sequence)
          break
        }
        comparison.matched += 1
      }
      return comparison
    }
  }
  private static func hash(
    of sequence: Int64, _ bounds: AuditVerifier.Bounds, _ database: Database
  ) throws -> [UInt8]? {
    if sequence == bounds.floor { return bounds.hash }
    return try Data.fetchOne(
      database, sql: "SELECT hash FROM audit WHERE sequence = ?", arguments: [sequence]
    ).map { [UInt8]($0) }
  }
}
