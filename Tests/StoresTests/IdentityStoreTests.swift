import Foundation
import GRDB
import Identity
import Keyring
import Storage
import Testing

@testable import Stores

@Suite("Whose agents and keys these are")
struct IdentityStoreTests {
  private let stores: TemporaryStores
  private let other: MasterKey
  private var identity: IdentityStore { IdentityStore(StoreDatabase(stores.host)) }

  init() throws {
    stores = try TemporaryStores()
    other = try .generate()
  }

  private func key(by signer: SigningKey, counter: UInt64) -> MintedAccessKey {
    AccessKeyMint.mint(
      by: signer, label: nil, counter: counter, expiry: .never, issuedAt: 1, nonce: UUID())
  }

  private func mint(by signer: SigningKey) async throws -> MintedAccessKey {
    try await stores.keys.mint(by: signer, label: "", expiry: .never).1
  }

  @Test("a new identity's agents count from 0, and its keys from 1")
  func new() async throws {
    try await identity.begin(for: stores.master.address, past: .none)
    #expect(try await stores.makeAgent("Ada").keyIndex?.rawValue == 0)
    #expect(try await stores.keys.validatorRules(master: stores.master.address).counterFloor == 0)
    #expect(try await mint(by: stores.master.signingKey).claims.counter == 1)
    #expect(try await identity.master() == stores.master.address)
  }

  @Test("where the past is unknown, agents count from a block of their own, and no older key is taken")
  func unknown() async throws {
    let now = Date()
    try await identity.begin(for: stores.master.address, past: .unknown(.shut), now: now)
    let agent = try await stores.makeAgent("Ada")
    let index = try #require(agent.keyIndex)
    #expect(index.rawValue >= 1 << 31)
    #expect(try await stores.makeAgent("Bob").keyIndex?.rawValue == index.rawValue + 1)
    let floor = UInt64(now.timeIntervalSince1970)
    let signers = [stores.master.signingKey, try stores.master.agentKey(index)]
    for signer in signers {
      for counter in [0, 1, 500, floor - 1] {
        #expect(try await stores.verdict(key(by: signer, counter: counter)) == .revoked, "\(counter)")
      }
      let fresh = try await mint(by: signer)
      #expect(fresh.claims.counter > floor)
      #expect(try await stores.isValid(fresh))
    }
  }

  @Test("old keys are kept where the owner says so")
  func kept() async throws {
    try await identity.begin(for: stores.master.address, past: .unknown(.keep))
    #expect(try await stores.isValid(key(by: stores.master.signingKey, counter: 1)))
    #expect(try await stores.makeAgent("Ada").keyIndex?.rawValue ?? 0 >= 1 << 31)
  }

  @Test("a foreign issuer that is trusted counts for itself: the floor is for the identity's own keys")
  func foreign() async throws {
    try await identity.begin(for: stores.master.address, past: .unknown(.shut))
    try await stores.trusted.trust(other.address, for: .wholeHost, master: stores.master.address)
    let rules = try await stores.keys.validatorRules(master: stores.master.address)
    #expect(rules.counterFloor > 1)
    #expect(rules.masterWhitelist == [other.address])
    var foreign = rules
    foreign.master = other.address
    // The same key, once as a stranger's that is trusted for the audience and once as the host's own.
    let given = key(by: other.signingKey, counter: 1)
    #expect(given.withText { AccessKeyValidator(rules: foreign).validate($0, now: 2) } == .revoked)
    foreign.master = stores.master.address
    foreign.agents = []
    foreign.masterWhitelist = [other.address]
    foreign.counterFloor = rules.counterFloor
    #expect(
      given.withText { AccessKeyValidator(rules: foreign).validate($0, now: 2) }
        == .invalid(.audienceMismatch))
  }

  @Test("keys that were made before are shut at once, here and elsewhere, and new ones open")
  func shut() async throws {
    try await identity.begin(for: stores.master.address, past: .none)
    let agent = try await stores.makeAgent("Ada")
    let signer = try stores.master.agentKey(try #require(agent.keyIndex))
    let listed = [try await mint(by: stores.master.signingKey), try await mint(by: signer)]
    let elsewhere = key(by: signer, counter: 90)
    for key in listed + [elsewhere] { #expect(try await stores.isValid(key)) }
    let generation = try await stores.keys.generation()
    let (floor, keys) = try await identity.shutOldKeys()
    #expect(keys == 2)
    #expect(try await stores.keys.generation() > generation)
    for key in listed + [elsewhere] { #expect(try await stores.verdict(key) == .revoked) }
    #expect(try await stores.isValid(mint(by: signer)))
    // A clock that goes back lowers nothing.
    let (again, open) = try await identity.shutOldKeys(now: Date(timeIntervalSince1970: 1))
    #expect(again > floor && open == 1)
  }

  @Test("a database that was made anew in a lost one's place takes no older key and gives no older index")
  func lostDatabase() async throws {
    try await identity.settle(for: stores.master.address)
    #expect(try await stores.makeAgent("Ada").keyIndex?.rawValue ?? 0 >= 1 << 31)
    #expect(try await stores.verdict(key(by: stores.master.signingKey, counter: 3)) == .revoked)
    let index = try await stores.makeAgent("Bob").keyIndex
    try await identity.settle(for: stores.master.address)
    // Another identity in the key store, perhaps by mistake, changes nothing either.
    try await identity.settle(for: other.address)
    #expect(try await identity.master() == stores.master.address)
    #expect(try await stores.makeAgent("Cleo").keyIndex?.rawValue == index.map { $0.rawValue + 1 })
  }

  @Test("a database from before they said whose they are goes on as it was")
  func older() async throws {
    let pool = try DatabasePool(path: stores.folders.data.appending(path: "older.sqlite").path)
    try HostSchema.migrator.migrate(pool, upTo: "1 agents, access keys and revocations")
    try await pool.write {
      try $0.execute(sql: "UPDATE counters SET value = 4 WHERE name = 'agent_index'")
    }
    try HostSchema.migrator.migrate(pool)
    try await IdentityStore(StoreDatabase(pool)).settle(for: stores.master.address)
    let agent = try await AgentStore(StoreDatabase(pool)).create(name: "Ada", derive: stores.derive)
    #expect(agent.keyIndex?.rawValue == 5)
    #expect(
      try await AccessKeyStore(StoreDatabase(pool)).validatorRules(master: stores.master.address).counterFloor
        == 0)
    try pool.close()
  }

  // MARK: Indices that the owner names

  @Test("an index that was never given here is given when it is named, and never again")
  func named() async throws {
    _ = try await stores.makeAgent("Ada")
    func make(_ name: String, _ index: UInt32) async throws -> AgentRecord {
      try await stores.agents.create(
        name: name, index: AgentIndex(rawValue: index), derive: stores.derive)
    }
    let named = try await make("Bob", 2)
    #expect(named.address == (try stores.master.agentKey(AgentIndex(rawValue: 2)).address))
    for taken: UInt32 in [0, 2] {
      await #expect(throws: StoresError.indexGiven(taken)) { _ = try await make("Cleo", taken) }
    }
    try await stores.agents.delete(named.id)
    await #expect(throws: StoresError.indexGiven(2)) { _ = try await make("Bob", 2) }
    // The ones that are counted pass it over.
    #expect(try await stores.makeAgent("Dora").keyIndex?.rawValue == 1)
    #expect(try await stores.makeAgent("Emil").keyIndex?.rawValue == 3)
    #expect(try await make("Last", .max).keyIndex?.rawValue == .max)
  }

  @Test("what was counted before a host began to count elsewhere stays given")
  func elsewhere() async throws {
    try await identity.begin(for: stores.master.address, past: .none)
    _ = try await stores.makeAgent("Ada")
    try await identity.change(to: other, past: .unknown(.shut), repairs: true, shutsAll: false)
    let other = other
    let derive: @Sendable (AgentIndex) throws -> Address = { try other.agentKey($0).address }
    // Below the other identity, 0 is another address.
    _ = try await stores.agents.create(name: "Bob", index: AgentIndex(rawValue: 0), derive: derive)
    try await identity.change(to: stores.master, past: .unknown(.shut), repairs: true, shutsAll: false)
    await #expect(throws: StoresError.indexGiven(0)) {
      _ = try await stores.agents.create(
        name: "Cleo", index: AgentIndex(rawValue: 0), derive: stores.derive)
    }
  }

  // MARK: Repair and change

  @Test(
    "a repair gives agents of another identity fresh addresses and shuts their keys; a trial changes nothing")
  func repair() async throws {
    try await identity.begin(for: stores.master.address, past: .none)
    let ada = try await stores.makeAgent("Ada")
    let signer = try stores.master.agentKey(try #require(ada.keyIndex))
    let keys = [try await mint(by: signer), try await mint(by: stores.master.signingKey)]
    let well = try await identity.repair(under: stores.master)
    #expect(well == .init(agents: [], keys: 0))
    #expect(try await stores.isValid(keys[0]))

    let trial = try await identity.repair(under: other, isTrial: true)
    #expect(trial.agents.map(\.before.name) == ["Ada"] && trial.keys == 2)
    #expect(try await stores.agents.list() == [ada])
    #expect(try await stores.isValid(keys[0]))

    let done = try await identity.repair(under: other)
    #expect(done.agents.map(\.before) == trial.agents.map(\.before) && done.keys == trial.keys)
    let moved = try await stores.agents.find(id: ada.id)
    #expect(moved?.address == (try other.agentKey(try #require(moved?.keyIndex)).address))
    #expect(moved?.keyIndex?.rawValue ?? 0 >= 1 << 31)
    #expect(
      try await identity.facts().health(under: other)
        == IdentityHealth(agents: [], keys: [], trusted: [], master: other))
    for key in keys { #expect(try await stores.verdict(key) != .expired) }
    #expect(try await stores.keys.list().allSatisfy { $0.revokedAt != nil })
    #expect(try await identity.repair(under: other) == .init(agents: [], keys: 0))
  }

  @Test("a change that is done twice, as after a crash, is done once")
  func twice() async throws {
    try await identity.begin(for: stores.master.address, past: .none)
    let ada = try await stores.makeAgent("Ada")
    try await stores.trusted.trust(
      try MasterKey.generate().address, for: .wholeHost, master: stores.master.address)
    _ = try await mint(by: stores.master.signingKey)
    func change() async throws {
      try await identity.change(to: other, past: .unknown(.shut), repairs: true, shutsAll: true)
    }
    try await change()
    let agents = try await stores.agents.list()
    let floor = try await stores.keys.validatorRules(master: other.address).counterFloor
    try await change()
    #expect(try await stores.agents.list() == agents)
    let rules = try await stores.keys.validatorRules(master: other.address)
    #expect(rules.counterFloor == floor && rules.masterWhitelist.isEmpty)
    #expect(agents.map(\.id) == [ada.id] && agents[0].address != ada.address)
    #expect(try await identity.master() == other.address)
  }
}
