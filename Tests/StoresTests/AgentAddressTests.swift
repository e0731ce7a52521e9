import Foundation
import GRDB
import Testing

@testable import Identity
@testable import Stores

@Suite("The addresses of agents")
struct AgentAddressTests {
  private let stores: TemporaryStores

  init() throws { stores = try TemporaryStores() }

  /// A key that the host made for an agent, and one that was made elsewhere with the agent's key.
  private func keys(of agent: AgentRecord) async throws -> [MintedAccessKey] {
    let signer = try stores.signer(of: agent)
    let (_, listed) = try await stores.keys.mint(by: signer, label: "phone", expiry: .never)
    let unlisted = AccessKeyMint.foreign(by: signer, counter: listed.claims.counter + 5)
    for key in [listed, unlisted] { #expect(try await stores.isValid(key)) }
    return [listed, unlisted]
  }

  @Test("rotating an agent revokes the keys of the old address at once, and only these")
  func rotation() async throws {
    let (ada, bob) = (try await stores.makeAgent("Ada"), try await stores.makeAgent("Bob"))
    let old = try await keys(of: ada)
    let others = try await keys(of: bob)
    let (_, whole) = try await stores.keys.mint(by: stores.master.signingKey, label: "owner", expiry: .never)
    let rotated = try await stores.agents.rotate(ada.id, derive: stores.derive)
    for key in old {
      #expect(try await stores.verdict(key) == .invalid(.audienceMismatch))
      #expect(try await stores.verdict(key, ifBack: ada.address) == .revoked)
    }
    for key in others + [whole] { #expect(try await stores.isValid(key)) }
    let rules = try await stores.keys.validatorRules(master: stores.master.address)
    #expect(rules.agents == Set([rotated.address, bob.address].compactMap(\.self)))
    _ = try await keys(of: rotated)
  }

  @Test(
    "an agent whose address is taken away stays as it was, and its keys are shut; rotating gives it another")
  func revocation() async throws {
    let (ada, bob) = (try await stores.makeAgent("Ada"), try await stores.makeAgent("Bob"))
    let old = try await keys(of: ada)
    let others = try await keys(of: bob)
    let local = try await stores.agents.revokeAddress(ada.id)
    #expect(local.address == nil && local.keyIndex == nil)
    #expect(!local.isReachableFromElsewhere && local.isExposed)
    #expect(try await stores.agents.find(reference: "Ada") == local)
    for key in old {
      #expect(try await stores.verdict(key) == .invalid(.audienceMismatch))
      #expect(try await stores.verdict(key, ifBack: ada.address) == .revoked)
    }
    for key in others { #expect(try await stores.isValid(key)) }
    // Again: nothing is there to take.
    #expect(try await stores.agents.revokeAddress(ada.id) == local)
    let back = try await stores.agents.rotate(ada.id, derive: stores.derive)
    #expect(back.keyIndex == AgentIndex(rawValue: 2))
    #expect(back.name == "Ada" && back.createdAt == ada.createdAt)
    for key in old { #expect(try await stores.verdict(key) == .invalid(.audienceMismatch)) }
    _ = try await keys(of: back)
  }

  @Test("deleting an agent revokes its keys, also those that were made elsewhere with its key")
  func deletion() async throws {
    let ada = try await stores.makeAgent("Ada")
    let old = try await keys(of: ada)
    #expect(try await stores.agents.delete(ada.id) == ada)
    for key in old {
      #expect(try await stores.verdict(key) == .invalid(.audienceMismatch))
      #expect(try await stores.verdict(key, ifBack: ada.address) == .revoked)
    }
    #expect(try await stores.keys.list().allSatisfy { $0.revokedAt != nil })
  }

  @Test("whoever has the private key of an address that is gone makes no key that counts, with any counter")
  func leakedKey() async throws {
    let ada = try await stores.makeAgent("Ada")
    let signer = try stores.signer(of: ada)
    _ = try await stores.agents.rotate(ada.id, derive: stores.derive)
    for counter in [0, 1, 1 << 40, UInt64(Int64.max), .max] {
      let key = AccessKeyMint.foreign(by: signer, counter: counter)
      #expect(try await stores.verdict(key, ifBack: signer.address) == .revoked, "\(counter)")
    }
    await #expect(throws: StoresError.ownAddress(signer.address)) {
      try await stores.trusted.trust(signer.address, for: .wholeHost, master: stores.master.address)
    }
  }

  @Test(
    "no address comes back: not after deletion, after revocation, after two rotations, nor for the next start"
  )
  func neverAgain() async throws {
    var seen: [(AgentRecord, [MintedAccessKey])] = []
    func note(_ agent: AgentRecord) async throws { seen.append((agent, try await keys(of: agent))) }
    let ada = try await stores.makeAgent("Ada")
    try await note(ada)
    for _ in 0..<2 { try await note(try await stores.agents.rotate(ada.id, derive: stores.derive)) }
    _ = try await stores.agents.revokeAddress(ada.id)
    let bob = try await stores.makeAgent("Bob")
    try await note(bob)
    try await stores.agents.delete(bob.id)
    try await stores.agents.delete(ada.id)

    let next = AgentStore(StoreDatabase(try stores.reopened()))
    let cleo = try await next.create(name: "Ada", derive: stores.derive)
    let rotated = try await next.rotate(cleo.id, derive: stores.derive)
    #expect([cleo, rotated].map(\.keyIndex?.rawValue) == [4, 5])
    let before = Set(seen.compactMap(\.0.address))
    #expect(before.count == 4)
    #expect(before.isDisjoint(with: [cleo, rotated].compactMap(\.address)))
    for (agent, keys) in seen {
      for key in keys {
        #expect(try await stores.verdict(key) == .invalid(.audienceMismatch))
        #expect(try await stores.verdict(key, ifBack: agent.address) == .revoked)
      }
    }
  }

  @Test("an index whose address an agent had is passed over, should the counter ever point at it")
  func passedOver() async throws {
    let ada = try await stores.makeAgent("Ada")
    try await stores.agents.delete(ada.id)
    try await stores.host.write {
      try $0.execute(
        sql: "DROP TRIGGER counters_rise; UPDATE counters SET value = -1 WHERE name = 'agent_index'")
    }
    #expect(try await stores.makeAgent("Bob").keyIndex == AgentIndex(rawValue: 1))
  }

  @Test(
    "what another machine knew of an address is no key here: its counters lie before the address's beginning")
  func beginning() async throws {
    _ = try await stores.keys.revokeEverything(master: stores.master.address)
    let ada = try await stores.makeAgent("Ada")
    let early = AccessKeyMint.foreign(by: try stores.signer(of: ada), counter: 40)
    #expect(try await stores.verdict(early) == .revoked)
    _ = try await keys(of: ada)
  }
}
