import Foundation
import Identity
import Testing

@testable import Stores

@Suite("Peers")
struct PeerStoreTests {
  private struct Broken: Error {}

  @Test("a peer and its key are made together, and listed together")
  func made() async throws {
    let stores = try TemporaryStores()
    let peers = PeerStore(StoreDatabase(stores.host))
    let agent = try stores.master.agentKey(AgentIndex(rawValue: 0))
    let connector = try MasterKey.generate().address
    let now = Date(timeIntervalSince1970: 1_800_000_000)
    let (peer, answer) = try await peers.pair(
      connector, with: agent, from: "192.0.2.7", expiry: .days90, now: now
    ) { key in
      #expect(key.claims.audience == agent.address)
      return [1, 2]
    }
    #expect(answer == [1, 2])
    let listed = try await peers.list()
    #expect(listed.count == 1 && listed[0].peer == peer)
    #expect(listed[0].key.id == peer.keyId)
    #expect(listed[0].key.label == "Paired – \(connector.abbreviated)")
    #expect(listed[0].key.expiry == .days90)
  }

  @Test("where no answer can be made there is no peer and no key")
  func unanswered() async throws {
    let stores = try TemporaryStores()
    let peers = PeerStore(StoreDatabase(stores.host))
    let agent = try stores.master.agentKey(AgentIndex(rawValue: 0))
    await #expect(throws: Broken.self) {
      _ = try await peers.pair(agent.address, with: agent, from: "x", expiry: .never) { _ in throw Broken() }
    }
    #expect(try await peers.list().isEmpty)
    #expect(try await AccessKeyStore(StoreDatabase(stores.host)).list().isEmpty)
  }

  @Test("a peer that never heard of it is none, and its key is revoked")
  func withdrawn() async throws {
    let stores = try TemporaryStores()
    let (peers, keys) = (PeerStore(StoreDatabase(stores.host)), AccessKeyStore(StoreDatabase(stores.host)))
    let agent = try stores.master.agentKey(AgentIndex(rawValue: 0))
    let (peer, _) = try await peers.pair(agent.address, with: agent, from: "x", expiry: .never) { _ in [] }
    try await peers.withdraw(peer)
    #expect(try await peers.list().isEmpty)
    #expect(try await keys.list().map { $0.revokedAt != nil } == [true])
    let rules = try await keys.validatorRules(master: stores.master.address)
    #expect(rules.revokedKeys.count == 1)
  }
}
