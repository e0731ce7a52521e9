import Foundation
import GRDB
import Testing

@testable import Identity
@testable import Stores

@Suite("Trusted issuers")
struct TrustedIssuerStoreTests {
  private let stores: TemporaryStores
  private let friend: SigningKey

  init() throws {
    stores = try TemporaryStores()
    friend = try MasterKey.generate().signingKey
  }

  private var master: Address { stores.master.address }

  private func trust(_ scope: TrustScope, _ label: String = "") async throws {
    try await stores.trusted.trust(friend.address, for: scope, label: label, master: master)
  }

  /// For whom a key by the friend is taken.
  private func opened(_ audiences: [Address]) async throws -> Set<Address> {
    var opened: Set<Address> = []
    for audience in audiences {
      switch try await stores.verdict(AccessKeyMint.foreign(by: friend, for: audience)) {
      case .valid(let key):
        #expect(key.scope == (audience == master ? .master : .agent(audience)))
        opened.insert(audience)
      case .invalid(.issuerNotWhitelisted): break
      case let other: Issue.record("\(other)")
      }
    }
    return opened
  }

  @Test("an issuer makes keys for what it is trusted for, and for nothing else")
  func scopes() async throws {
    let ada = try #require(try await stores.makeAgent("Ada").address)
    let bob = try #require(try await stores.makeAgent("Bob").address)
    let all = [master, ada, bob]
    #expect(try await opened(all).isEmpty)
    try await trust(.agent(ada))
    #expect(try await opened(all) == [ada])
    try await trust(.everyAgent)
    #expect(try await opened(all) == [ada, bob])
    let cleo = try #require(try await stores.makeAgent("Cleo").address)
    #expect(try await opened(all + [cleo]) == [ada, bob, cleo])
    try await trust(.wholeHost)
    #expect(try await opened(all) == Set(all))
    try await stores.trusted.distrust(friend.address, for: .wholeHost)
    #expect(try await opened(all) == [ada, bob])
    try await stores.trusted.distrust(friend.address, for: .everyAgent)
    #expect(try await opened(all) == [ada])
    try await stores.trusted.distrust(friend.address)
    #expect(try await opened(all).isEmpty)
    #expect(try await stores.trusted.list().isEmpty)
  }

  @Test("what is trusted is listed as it was said, and saying it again changes nothing but the label")
  func listed() async throws {
    let ada = try #require(try await stores.makeAgent("Ada").address)
    let now = Date(timeIntervalSince1970: 1000)
    let first = try await stores.trusted.trust(
      friend.address, for: .agent(ada), label: "studio", master: master, now: now)
    try await trust(.agent(ada))
    #expect(try await stores.trusted.list() == [first])
    #expect(first.label == "studio" && first.addedAt == now && first.scope == .agent(ada))
    try await trust(.agent(ada), "attic")
    #expect(try await stores.trusted.list().map(\.label) == ["attic"])
    try await trust(.everyAgent)
    try await trust(.wholeHost)
    let scopes = try await TrustedIssuerStore(StoreDatabase(try stores.reopened())).list().map(\.scope)
    #expect(Set(scopes) == [.agent(ada), .everyAgent, .wholeHost])
    #expect(try await stores.trusted.distrust(friend.address).count == 3)
  }

  @Test("this host's own addresses are refused, those of now, of before and of the master")
  func own() async throws {
    let (ada, bob) = (try await stores.makeAgent("Ada"), try await stores.makeAgent("Bob"))
    let rotated = try await stores.agents.rotate(ada.id, derive: stores.derive)
    try await stores.agents.delete(bob.id)
    let own = [ada.address, bob.address, rotated.address, master].compactMap(\.self)
    let target = try #require(rotated.address)
    for address in own {
      for scope in [TrustScope.agent(target), .everyAgent, .wholeHost] {
        await #expect(throws: StoresError.ownAddress(address)) {
          try await stores.trusted.trust(address, for: scope, master: master)
        }
      }
    }
    #expect(try await stores.trusted.list().isEmpty)
  }

  @Test("an address that was trusted before it became an agent's own speaks for that agent alone")
  func laterOwn() async throws {
    let ada = try #require(try await stores.makeAgent("Ada").address)
    let next = try stores.master.agentKey(AgentIndex(rawValue: 1))
    try await stores.trusted.trust(next.address, for: .wholeHost, master: master)
    let bob = try await stores.makeAgent("Bob")
    #expect(bob.address == next.address)
    for audience in [master, ada] {
      let key = AccessKeyMint.foreign(by: next, for: audience)
      #expect(try await stores.verdict(key) == .invalid(.issuerNotWhitelisted))
    }
    #expect(try await stores.isValid(AccessKeyMint.foreign(by: next)))
  }

  @Test("nobody is trusted for an agent that is not there, and nobody's trust is taken back that has none")
  func unknown() async throws {
    let ada = try await stores.makeAgent("Ada")
    let address = try #require(ada.address)
    let before = try await stores.keys.generation()
    await #expect(throws: StoresError.noSuchAgent(friend.address.checksummed)) {
      try await trust(.agent(friend.address))
    }
    for scope in [nil, TrustScope.agent(address), .everyAgent] {
      await #expect(throws: StoresError.notTrusted(friend.address)) {
        try await stores.trusted.distrust(friend.address, for: scope)
      }
    }
    #expect(try await stores.keys.generation() == before)
    try await trust(.agent(address))
    await #expect(throws: StoresError.notTrusted(friend.address)) {
      try await stores.trusted.distrust(friend.address, for: .everyAgent)
    }
    #expect(try await stores.trusted.list().count == 1)
  }

  @Test(
    "trust in an agent's keeper ends with the agent's address", arguments: ["rotate", "revoke", "delete"])
  func ends(how: String) async throws {
    let ada = try await stores.makeAgent("Ada")
    let address = try #require(ada.address)
    try await trust(.agent(address))
    let key = AccessKeyMint.foreign(by: friend, for: address)
    #expect(try await stores.isValid(key))
    switch how {
    case "rotate": _ = try await stores.agents.rotate(ada.id, derive: stores.derive)
    case "revoke": _ = try await stores.agents.revokeAddress(ada.id)
    default: try await stores.agents.delete(ada.id)
    }
    #expect(try await stores.trusted.list().isEmpty)
    #expect(try await stores.verdict(key) == .invalid(.audienceMismatch))
    #expect(try await stores.verdict(key, ifBack: address) == .invalid(.issuerNotWhitelisted))
  }

  @Test("revoking every key of the host leaves those whom it trusts as they are")
  func massRevocation() async throws {
    try await trust(.wholeHost)
    _ = try await stores.keys.revokeEverything(master: master)
    #expect(try await stores.isValid(AccessKeyMint.foreign(by: friend, for: master)))
  }
}
