public import Foundation
import GRDB
public import Identity

/// A connector that was let in by pairing.
public struct PeerRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  /// Who it is: the address by which it signed its request.
  public let connector: Address
  /// The agent that it may reach.
  public let agent: Address
  /// Its access key.
  public let keyId: UUID
  /// The network address that it asked from.
  public let pairedFrom: String
  public let pairedAt: Date
}

extension PeerRecord: StoredRecord {
  public static let databaseTableName = "peers"
}

/// Who was let in by pairing. What makes a peer and what makes its key is one transaction.
public struct PeerStore: Sendable {
  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// Every peer with its key, the newest first.
  public func list() async throws -> [(peer: PeerRecord, key: AccessKeyRecord)] {
    try await pool.read { database in
      let peers = try PeerRecord.order(Column("paired_at").desc, Column("id")).fetchAll(database)
      let keys = try AccessKeyRecord.filter(sql: "id IN (SELECT key_id FROM peers)").fetchAll(database)
      let named = Dictionary(uniqueKeysWithValues: keys.map { ($0.id, $0) })
      return peers.compactMap { peer in named[peer.keyId].map { (peer, $0) } }
    }
  }

  /// Lets a connector in: makes an access key for the agent, and notes both, at once.
  /// - Parameters:
  ///   - agent: the key of the agent.
  ///   - source: the network address that the connector asks from.
  ///   - answer: makes the answer of the new key. If it throws, nothing has happened.
  public func pair(
    _ connector: Address, with agent: SigningKey, from source: String, expiry: AccessKeyExpiry,
    now: Date = Date(), answer: @escaping @Sendable (MintedAccessKey) throws -> [UInt8]
  ) async throws -> (peer: PeerRecord, answer: [UInt8]) {
    try await pool.write { database in
      let (key, minted) = try AccessKeyStore.mint(
        by: agent, label: "Paired – \(connector.abbreviated)", expiry: expiry, now: now, nonce: UUID(),
        database)
      let answer = try answer(minted)
      let peer = PeerRecord(
        id: UUID(), connector: connector, agent: agent.address, keyId: key.id, pairedFrom: source,
        pairedAt: now.asStored)
      try peer.insert(database)
      return (peer, answer)
    }
  }

  /// Undoes a pairing of which the connector never heard: its key is revoked, and it is no peer.
  public func withdraw(_ peer: PeerRecord, now: Date = Date()) async throws {
    try await pool.write { database in
      try AccessKeyStore.revoke(peer.keyId, now: now, database)
      try peer.delete(database)
    }
  }
}
