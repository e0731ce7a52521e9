import Foundation
import GRDB
import Identity
import Storage
import Testing

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
    let other = try DatabasePool.sharing(stores.host)
    _ = try await stores.keys.revoke(record.id)
    let rules = try await AccessKeyStore(other).validatorRules(master: stores.master.address)
    #expect(rules.revokedKeys == [RevokedKey(issuer: record.issuer, nonce: record.nonce)])
    #expect(try await AccessKeyStore(other).generation() == stores.keys.generation())
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
    try await stores.keys.revokeAll(issuer: stores.master.address)
    #expect(try await stores.verdict(listed) == .revoked)
    #expect(try await stores.verdict(unlisted) == .revoked)
    let (_, later) = try await mint()
    #expect(try await stores.isValid(later))
    #expect(try await stores.keys.list().filter { $0.revokedAt == nil }.count == 1)
  }

  @Test("a threshold never falls")
  func thresholds() async throws {
    try await stores.host.write { [master = stores.master.address] in
      try $0.execute(
        sql: "INSERT INTO counter_thresholds (issuer, threshold) VALUES (?, 1000)", arguments: [master])
    }
    _ = try await mint()
    try await stores.keys.revokeAll(issuer: stores.master.address)
    #expect(try await rules().counterThresholds == [stores.master.address: 1000])
  }

  @Test("a foreign issuer is taken for one agent, or for every audience")
  func whitelist() async throws {
    let agent = try #require(try await stores.makeAgent("Ada").address)
    let friend = try MasterKey.generate().address
    let partner = try MasterKey.generate().address
    let before = try await stores.keys.generation()
    for _ in 0..<2 {
      try await stores.keys.allow(issuer: friend, for: agent)
      try await stores.keys.allow(issuer: partner)
    }
    let rules = try await rules()
    #expect(rules.agentWhitelists == [agent: [friend]])
    #expect(rules.masterWhitelist == [partner])
    #expect(try await stores.keys.generation() > before)
  }

  @Test("a host without a key says so, and one that revoked its last key still has keys")
  func hasKeys() async throws {
    #expect(try await rules().hasKeys == false)
    let (record, _) = try await mint()
    #expect(try await rules().hasKeys)
    _ = try await stores.keys.revoke(record.id)
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
    try await stores.keys.revokeAll(issuer: stores.master.address)
    try await expectChange("revoke all")
    _ = try await stores.agents.rotate(agent.id, derive: stores.derive)
    try await expectChange("rotate")
    try await stores.agents.delete(agent.id)
    try await expectChange("delete")
  }
}

extension DatabasePool {
  /// A second pool on the same file, as another process would have.
  fileprivate static func sharing(_ pool: DatabasePool) throws -> DatabasePool {
    try DatabasePool(path: pool.path, configuration: pool.configuration)
  }
}
