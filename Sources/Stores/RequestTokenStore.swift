public import Foundation
import GRDB
public import Identity

/// The counters of request tokens: the one that this host's own tokens take from, and the last one of every device
/// whose tokens were taken here.
public struct RequestTokenStore: Sendable {
  /// How many devices are remembered for one issuer, those that were heard of last. An issuer with more can repeat its
  /// own tokens, for the minute that they last.
  static let mostDevices = 1000

  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// Makes a token under the next counter, which request tokens and access keys share.
  public func mint(
    by signer: SigningKey, agent: (master: Address, index: AgentIndex)? = nil, on device: DeviceKey,
    isSoftware: Bool = false, for target: RequestTarget, now: Date = Date()
  ) async throws -> String {
    let counter = try await pool.write { try RisingCounter.keyCounter.next($0) }
    return RequestToken.mint(
      by: signer, agent: agent, on: device, isSoftware: isSoftware, for: target, counter: UInt64(counter),
      issuedAt: Int64(now.timeIntervalSince1970))
  }

  /// Checks a token and remembers its counter, both in one transaction: of two callers with the same token one is
  /// refused, also after a restart.
  public func admit(
    _ token: String, by verifier: RequestTokenVerifier, now: Date = Date()
  ) async throws -> RequestTokenVerdict {
    try await pool.write { database in
      let verdict = try verifier.verify(token, now: Int64(now.timeIntervalSince1970)) { issuer, device in
        try Int64.fetchOne(
          database, sql: "SELECT counter FROM devices WHERE issuer = ? AND device = ?",
          arguments: [issuer, device.text]
        ).map { UInt64(bitPattern: $0) }
      }
      if case .valid(let token) = verdict { try Self.remember(token, now: now, database) }
      return verdict
    }
  }

  private static func remember(_ token: VerifiedRequestToken, now: Date, _ database: Database) throws {
    try database.execute(
      sql: """
        INSERT INTO devices (issuer, device, counter, seen_at) VALUES (:issuer, :device, :counter, :now)
          ON CONFLICT (issuer, device) DO UPDATE SET counter = excluded.counter, seen_at = excluded.seen_at;
        DELETE FROM devices WHERE issuer = :issuer AND device IN (
          SELECT device FROM devices WHERE issuer = :issuer ORDER BY seen_at DESC, device LIMIT -1 OFFSET :most);
        """,
      arguments: [
        "issuer": token.issuer, "device": token.device.text, "counter": Int64(bitPattern: token.counter),
        "now": now.timeIntervalSince1970, "most": mostDevices,
      ])
  }
}
