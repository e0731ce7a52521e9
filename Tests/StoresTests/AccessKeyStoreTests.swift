import Foundation
import GRDB
import Storage
import Testing

@testable import Identity
@testable import Stores

@Suite("Access keys")
struct AccessKeyStoreTests {
  private let stores: TemporaryStores

  init() throws { stores = try TemporaryStores() }

  private func mint(_ label: String = "laptop", expiry: AccessKeyExpiry = .never) async throws -> (
    AccessKeyRecord, MintedAccessKey
  ) {
    try await stores.keys.mint(by: stores.master.signingKey, label: label, expiry: expiry)
  }

  private func rules() async throws -> AccessKeyValidator.Rules {
    try await stores.keys.validatorRules(master: stores.master.address)
  }

  @Test("a key is listed as it was made, without the key itself", arguments: AccessKeyExpiry.allCases)
  func record(expiry: AccessKeyExpiry) async throws {
    let (record, key) = try await mint("phone", expiry: expiry)
    #expect(try await stores.keys.list() == [record])
    #expect(record.label == "phone")
    #expect(record.fingerprint == key.fingerprint)
    #expect(record.issuer == stores.master.address)
    #expect(record.audience == stores.master.address)
    #expect(record.nonce == key.claims.nonce)
    #expect(record.expiresAt.map { Int64($0.timeIntervalSince1970) } == key.claims.expiresAt)
    #expect(record.revokedAt == nil)
    #expect(try await stores.isValid(key))
    let signature = key.withText { String($0.suffix(130)) }
    let stored = try await stores.host.read {
      try Row.fetchAll($0, sql: "SELECT * FROM access_keys").description
    }
    #expect(stored.contains(key.fingerprint))
    #expect(!stored.contains(signature))
  }

  @Test("counters rise by one and never repeat, also when many keys are made at once and some fail")
  func counters() async throws {
    let stores = stores
    let nonce = UUID()
    _ = try await stores.keys.mint(by: stores.master.signingKey, label: "first", expiry: .never, nonce: nonce)
    try await withThrowingTaskGroup { group in
      for number in 0..<24 {
        group.addTask {
          // Every fourth repeats a nonce, which is refused.
          let repeated = number.isMultiple(of: 4)
          let minted = try? await stores.keys.mint(
            by: stores.master.signingKey, label: "\(number)", expiry: .days30,
            nonce: repeated ? nonce : UUID())
          #expect((minted == nil) == repeated)
        }
      }
      try await group.waitForAll()
    }
    let counters = try await stores.keys.list().map(\.counter)
    #expect(counters.sorted() == Array(1...19))
    let (next, _) = try await mint()
    #expect(next.counter == 20)
  }

  @Test("a revoked key is refused by every validator that is made from then on, and stays revoked")
  func revoke() async throws {
    let (record, key) = try await mint()
    let (_, other) = try await mint("other")
    let before = try await stores.keys.generation()
    let revoked = try await stores.keys.revoke(record.id)
    #expect(revoked.revokedAt != nil)
    #expect(try await stores.verdict(key) == .revoked)
    #expect(try await stores.isValid(other))
    #expect(try await stores.keys.generation() > before)
    // Again, later: nothing changes.
    let again = try await stores.keys.revoke(record.id, now: Date(timeIntervalSinceNow: 1000))
    #expect(again == revoked)
    #expect(try await stores.keys.list().contains(revoked))
  }

  @Test("a revocation is read by whoever opens the databases next, and by other connections at once")
  func revocationIsShared() async throws {
    let (record, _) = try await mint()
    let other = try stores.reopened()
    _ = try await stores.keys.revoke(record.id)
    let rules = try await AccessKeyStore(StoreDatabase(other)).validatorRules(master: stores.master.address)
    #expect(rules.revokedKeys == [RevokedKey(issuer: record.issuer, nonce: record.nonce)])
    #expect(try await AccessKeyStore(StoreDatabase(other)).generation() == stores.keys.generation())
  }

  @Test("revoking what is not there is said so")
  func unknown() async throws {
    let id = UUID()
    let before = try await stores.keys.generation()
    await #expect(throws: StoresError.noSuchKey(id.uuidString)) { _ = try await stores.keys.revoke(id) }
    #expect(try await stores.keys.generation() == before)
  }

  @Test("revoking everything of an issuer covers keys that this host never listed, and none that come later")
  func revokeAll() async throws {
    let (_, listed) = try await mint()
    let unlisted = AccessKeyMint.mint(
      by: stores.master.signingKey, label: nil, counter: 1, expiry: .never, issuedAt: 1_700_000_000,
      nonce: UUID())
    #expect(try await stores.isValid(unlisted))
    let gone = try await stores.keys.revokeAll(issuer: stores.master.address)
    #expect(gone.keys == 1)
    #expect(try await stores.verdict(listed) == .revoked)
    #expect(try await stores.verdict(unlisted) == .revoked)
    let (record, later) = try await mint()
    #expect(record.counter == gone.threshold + 1)
    #expect(try await stores.isValid(later))
    #expect(try await stores.keys.list().filter { $0.revokedAt == nil }.count == 1)
    #expect(try await stores.keys.revokeAll(issuer: stores.master.address).keys == 1)
    #expect(try await stores.verdict(later) == .revoked)
  }

  @Test("revoking everything covers all keys of the host and its agents, listed or not, and locks nobody out")
  func revokeEverything() async throws {
    let (ada, bob) = (try await stores.makeAgent("Ada"), try await stores.makeAgent("Bob"))
    let signers = [stores.master.signingKey, try stores.signer(of: ada), try stores.signer(of: bob)]
    var before: [MintedAccessKey] = []
    for signer in signers {
      before.append(try await stores.keys.mint(by: signer, label: "listed", expiry: .never).1)
      // As many as another host with the same identity may have made.
      before.append(AccessKeyMint.foreign(by: signer, counter: 1000))
    }
    for key in before { #expect(try await stores.isValid(key)) }
    let gone = try await stores.keys.revokeEverything(master: stores.master.address)
    #expect(gone.keys == 3)
    for key in before { #expect(try await stores.verdict(key) == .revoked) }
    // Whose records are lost, too.
    try await stores.host.write { try $0.execute(sql: "DELETE FROM access_keys") }
    for key in before { #expect(try await stores.verdict(key) == .revoked) }
    #expect(try await rules().hasKeys)
    for signer in signers {
      #expect(try await stores.isValid(stores.keys.mint(by: signer, label: "new", expiry: .days30).1))
    }
  }

  @Test(
    "a host whose every agent is deleted and every key revoked lets the next key in, and none of the old ones"
  )
  func everythingGone() async throws {
    let ada = try await stores.makeAgent("Ada")
    let signer = try stores.signer(of: ada)
    let (_, old) = try await stores.keys.mint(by: signer, label: "phone", expiry: .never)
    let (_, whole) = try await mint()
    try await stores.agents.delete(ada.id)
    _ = try await stores.keys.revokeEverything(master: stores.master.address)
    #expect(try await stores.verdict(old, ifBack: ada.address) == .revoked)
    #expect(try await stores.verdict(whole) == .revoked)
    let next = try await stores.makeAgent("Ada")
    let (_, new) = try await stores.keys.mint(
      by: try stores.signer(of: next), label: "phone", expiry: .days30)
    #expect(try await stores.isValid(new))
  }

  @Test("a threshold never falls")
  func thresholds() async throws {
    try await stores.host.write { [master = stores.master.address] in
      try $0.execute(
        sql: "INSERT INTO counter_thresholds (issuer, threshold) VALUES (?, 9000000000000)",
        arguments: [master])
    }
    _ = try await mint()
    _ = try await stores.keys.revokeAll(issuer: stores.master.address)
    #expect(try await rules().counterThresholds == [stores.master.address: 9_000_000_000_000])
  }

  @Test(
    "not even the database lets a counter or a threshold fall, or a revocation go",
    arguments: [
      "UPDATE counters SET value = value - 1 WHERE name = 'agent_index'", "DELETE FROM counters",
      "UPDATE counter_thresholds SET threshold = threshold - 1", "DELETE FROM counter_thresholds",
      "DELETE FROM revoked_keys",
    ])
  func onlyRising(statement: String) async throws {
    _ = try await stores.makeAgent("Ada")
    let (record, _) = try await mint()
    _ = try await stores.keys.revoke(record.id)
    await #expect(throws: DatabaseError.self) {
      try await stores.host.write { try $0.execute(sql: statement) }
    }
  }

  @Test("where a counter is gone, no agent and no key is made: a number would be used twice")
  func counterMissing() async throws {
    try await stores.host.write {
      try $0.execute(sql: "DROP TRIGGER counters_stay; DELETE FROM counters WHERE name <> 'generation'")
    }
    await #expect(throws: StoresError.counterMissing) { _ = try await mint() }
    await #expect(throws: StoresError.counterMissing) { _ = try await stores.makeAgent("Ada") }
  }

  @Test("the keys that an identity made elsewhere are refused here, and those that it makes here are not")
  func elsewhere() async throws {
    let ada = AccessKeyMint.foreign(by: try stores.master.agentKey(AgentIndex(rawValue: 0)), counter: 700)
    let whole = AccessKeyMint.foreign(by: stores.master.signingKey, counter: 700)
    let identity = IdentityStore(StoreDatabase(stores.host))
    for _ in 0..<2 { try await identity.settle(for: stores.master.address) }
    let agent = try await stores.agents.create(
      name: "Ada", index: AgentIndex(rawValue: 0), derive: stores.derive)
    #expect(try await stores.verdict(ada) == .revoked)
    #expect(try await stores.verdict(whole) == .revoked)
    for signer in [stores.master.signingKey, try stores.signer(of: agent)] {
      let (_, key) = try await stores.keys.mint(by: signer, label: "new", expiry: .never)
      try await identity.settle(for: stores.master.address)
      #expect(try await stores.isValid(key))
    }
  }

  @Test("a key is named by id, by its fingerprint or the beginning of it, or by its label; never by a guess")
  func references() async throws {
    let (phone, _) = try await mint("phone")
    let (desk, _) = try await mint("desk")
    for reference in [
      phone.id.uuidString, phone.id.uuidString.lowercased(), phone.fingerprint,
      phone.fingerprint.uppercased(), String(phone.fingerprint.prefix(6)), "phone",
    ] {
      #expect(try await stores.keys.find(reference: reference) == phone, "\(reference)")
    }
    for nothing in ["", "Phone", String(phone.fingerprint.prefix(5)), "pho", phone.nonce, UUID().uuidString] {
      await #expect(throws: StoresError.noSuchKey(nothing)) {
        _ = try await stores.keys.find(reference: nothing)
      }
    }
    // A label may look like a fingerprint.
    _ = try await mint(desk.fingerprint)
    await #expect(throws: StoresError.ambiguousKey(desk.fingerprint)) {
      _ = try await stores.keys.find(reference: desk.fingerprint)
    }
    // Of two with one label, the one that is not revoked.
    let (second, _) = try await mint("phone")
    await #expect(throws: StoresError.ambiguousKey("phone")) {
      _ = try await stores.keys.find(reference: "phone")
    }
    _ = try await stores.keys.revoke(phone.id)
    #expect(try await stores.keys.find(reference: "phone") == second)
  }

  @Test("the last use is kept, never falls back, and changes nothing of who may come in")
  func uses() async throws {
    let (record, _) = try await mint()
    let (other, _) = try await mint("other")
    let before = try await stores.keys.generation()
    func use(_ seconds: Double) -> AccessKeyUse {
      AccessKeyUse(
        issuer: record.issuer, nonce: record.nonce, time: Date(timeIntervalSince1970: seconds))
    }
    let unknown = AccessKeyUse(issuer: record.issuer, nonce: "nobody's", time: Date())
    try await stores.keys.record([use(2000), unknown])
    try await stores.keys.record([use(1000)])
    try await stores.keys.record([])
    let reopened = try stores.reopened()
    let list = try await AccessKeyStore(StoreDatabase(reopened)).list()
    #expect(list.first { $0.id == record.id }?.lastUsedAt == Date(timeIntervalSince1970: 2000))
    #expect(list.first { $0.id == other.id }?.lastUsedAt == nil)
    #expect(try await stores.keys.generation() == before)
  }

  @Test("a host without a key says so, and one that revoked its last key still has keys")
  func hasKeys() async throws {
    #expect(try await rules().hasKeys == false)
    let (record, _) = try await mint()
    #expect(try await rules().hasKeys)
    _ = try await stores.keys.revoke(record.id)
    #expect(try await rules().hasKeys)
  }

  @Test("a host whose keys are all made by somebody it trusts looks at them")
  func hasTrustedKeys() async throws {
    let friend = try MasterKey.generate()
    try await stores.trusted.trust(friend.address, for: .wholeHost, master: stores.master.address)
    #expect(try await rules().hasKeys)
  }

  @Test("the generation changes with everything that may change who is let in")
  func generation() async throws {
    var last = try await stores.keys.generation()
    func expectChange(_ what: String) async throws {
      let now = try await stores.keys.generation()
      #expect(now > last, "\(what)")
      last = now
    }
    let agent = try await stores.makeAgent("Ada")
    try await expectChange("create")
    let (record, _) = try await mint()
    try await expectChange("mint")
    _ = try await stores.keys.revoke(record.id)
    try await expectChange("revoke")
    _ = try await stores.keys.revokeAll(issuer: stores.master.address)
    try await expectChange("revoke all")
    _ = try await stores.keys.revokeEverything(master: stores.master.address)
    try await expectChange("revoke everything")
    _ = try await stores.agents.update(agent.id) { $0.isExposed = false }
    try await expectChange("hide")
    let foreign = try MasterKey.generate().address
    try await stores.trusted.trust(foreign, for: .wholeHost, master: stores.master.address)
    try await expectChange("trust")
    try await stores.trusted.distrust(foreign)
    try await expectChange("distrust")
    _ = try await IdentityStore(StoreDatabase(stores.host)).shutOldKeys()
    try await expectChange("shut old keys")
    _ = try await stores.agents.rotate(agent.id, derive: stores.derive)
    try await expectChange("rotate")
    _ = try await stores.agents.revokeAddress(agent.id)
    try await expectChange("revoke the address")
    try await stores.agents.delete(agent.id)
    try await expectChange("delete")
  }
}
