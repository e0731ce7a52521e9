import Foundation
import GRDB
import Identity
import SecretMemory
import Storage
import Testing

@testable import Stores

@Suite("Invites that were made here")
struct InviteStoreTests {
  private let stores: TemporaryStores
  private let agent: SigningKey
  private static let now = Date(timeIntervalSince1970: 1_800_000_000)

  init() throws {
    stores = try TemporaryStores()
    agent = try stores.master.agentKey(AgentIndex(rawValue: 0))
  }

  private var store: InviteStore { InviteStore(StoreDatabase(stores.host)) }

  private func made(for seconds: Int64 = 3600, by signer: SigningKey? = nil) throws -> Invite {
    let details = try InviteDetails(name: "Ada", url: "http://192.0.2.1:1337")
    return Invite.make(
      by: signer ?? agent, details, expiresAt: Int64(Self.now.timeIntervalSince1970) + seconds,
      random: RandomBytes.make(InviteNonce.randomCount))
  }

  private func add(_ invite: Invite, label: String? = nil, now: Date = now) async throws -> InviteRecord {
    try await store.add(invite, label: label, now: now)
  }

  @discardableResult
  private func redeem(
    _ invite: Invite, attempt: String? = nil, now: Date = now, in store: InviteStore? = nil
  ) async throws -> Redemption {
    try await (store ?? self.store).redeem(
      try invite.verified(now: 0), by: agent, from: "192.0.2.7", attempt: attempt, now: now
    ) { _, key in key.withText { Array($0.utf8) } }
  }

  private func keyCount() async throws -> Int { try await stores.keys.list().count }

  @Test("an invite is listed as it was made")
  func record() async throws {
    let invite = try made()
    let record = try await add(invite, label: "Bob")
    #expect(try await store.list() == [record])
    #expect(record.agent == agent.address)
    #expect(record.label == "Bob")
    #expect(record.status(now: Self.now) == .open)
    #expect(record.status(now: Self.now.addingTimeInterval(3600)) == .expired)
  }

  @Test("an invite gives one key, for its agent and a year, that says where it came from")
  func redeemed() async throws {
    for (label, name) in [(nil, "Ada"), ("Bob's phone", "Bob's phone")] {
      let invite = try made()
      _ = try await add(invite, label: label)
      let redemption = try await redeem(invite)
      let key = try #require(try await stores.keys.list().first)
      #expect(key.label == "Invite – \(name) (\(invite.nonce.text.prefix(8))) from 192.0.2.7")
      #expect(key.issuer == agent.address && key.audience == agent.address)
      #expect(key.expiry == .year)
      #expect(redemption.invite.keyId == key.id)
      #expect(redemption.invite.redeemedFrom == "192.0.2.7")
      #expect(redemption.invite.status(now: Self.now) == .redeemed)
      await #expect(throws: StoresError.usedInvite) { try await redeem(invite) }
    }
    #expect(try await keyCount() == 2)
  }

  @Test("a hundred at once redeem one invite, and one succeeds")
  func once() async throws {
    let invite = try made()
    _ = try await add(invite)
    let succeeded = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<100 {
        group.addTask {
          do {
            try await redeem(invite)
            return true
          } catch {
            #expect(error as? StoresError == .usedInvite)
            return false
          }
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(succeeded == 1)
    #expect(try await keyCount() == 1)
  }

  @Test("what was revoked, has ended or was never made here is refused, and leaves no key")
  func refusals() async throws {
    let (revoked, ended, foreign) = (try made(), try made(for: 60), try made())
    _ = try await store.revoke(try await add(revoked).id, now: Self.now)
    _ = try await add(ended)
    await #expect(throws: StoresError.revokedInvite) { try await redeem(revoked) }
    await #expect(throws: StoresError.expiredInvite) {
      try await redeem(ended, now: Self.now.addingTimeInterval(60))
    }
    await #expect(throws: StoresError.unknownInvite) { try await redeem(foreign) }
    #expect(try await keyCount() == 0)
    try await redeem(ended, now: Self.now.addingTimeInterval(59))
  }

  @Test("when the answer cannot be made, nothing has happened")
  func failing() async throws {
    struct Fault: Error {}
    let invite = try made()
    let record = try await add(invite)
    let generation = try await stores.keys.generation()
    await #expect(throws: Fault.self) {
      try await store.redeem(
        try invite.verified(now: 0), by: agent, from: "x", attempt: "a", now: Self.now
      ) { _, _ in throw Fault() }
    }
    #expect(try await store.list() == [record])
    #expect(try await keyCount() == 0)
    #expect(try await stores.keys.generation() == generation)
    try await redeem(invite)
  }

  @Test("the same attempt gets the same answer for ten minutes, any other gets none")
  func repeated() async throws {
    let invite = try made()
    let record = try await add(invite)
    let first = try await redeem(invite, attempt: "one")
    let again = try await redeem(invite, attempt: "one", now: Self.now.addingTimeInterval(599))
    #expect(!first.isRepeated && again.isRepeated)
    #expect(again.answer == first.answer)
    #expect(try await keyCount() == 1)
    for (attempt, seconds) in [("two", 1.0), (nil, 1), ("one", 600)] {
      await #expect(throws: StoresError.usedInvite) {
        try await redeem(invite, attempt: attempt, now: Self.now.addingTimeInterval(seconds))
      }
    }
    _ = try await store.revoke(record.id, now: Self.now)
    await #expect(throws: StoresError.revokedInvite) { try await redeem(invite, attempt: "one") }
  }

  @Test("an answer that is not given again is dropped")
  func answersGo() async throws {
    let invite = try made()
    _ = try await add(invite)
    try await redeem(invite, attempt: "one")
    func kept() async throws -> Int? {
      try await stores.host.read {
        try Int.fetchOne($0, sql: "SELECT count(*) FROM invites WHERE answer IS NOT NULL")
      }
    }
    #expect(try await kept() == 1)
    _ = try await add(try made(), now: Self.now.addingTimeInterval(600))
    #expect(try await kept() == 0)
  }

  @Test("revoking takes back the invite and its key, together and for good")
  func revoke() async throws {
    _ = try await stores.agents.create(name: "Ada", derive: stores.derive)
    let invite = try made()
    let record = try await add(invite)
    let redemption = try await redeem(invite)
    let validator = { [stores] in
      AccessKeyValidator(rules: try await stores.keys.validatorRules(master: stores.master.address))
    }
    let key = String(decoding: redemption.answer, as: UTF8.self)
    let now = Int64(Self.now.timeIntervalSince1970)
    guard case .valid = try await validator().validate(key, now: now) else {
      Issue.record("the key was never valid")
      return
    }
    let revoked = try await store.revoke(record.id, now: Self.now)
    #expect(revoked.status(now: Self.now) == .revoked)
    #expect(try await validator().validate(key, now: now) == .revoked)
    #expect(try await store.revoke(record.id, now: Self.now.addingTimeInterval(9)) == revoked)
    await #expect(throws: StoresError.revokedInvite) { try await redeem(invite) }
    let unknown = UUID()
    await #expect(throws: StoresError.noSuchInvite(unknown.uuidString)) {
      try await store.revoke(unknown)
    }
  }

  @Test("an agent that is deleted or gets another address takes its invites along")
  func agentGone() async throws {
    for isRotated in [true, false] {
      let record = try await stores.makeAgent(isRotated ? "Ada" : "Bob")
      let key = try stores.master.agentKey(try #require(record.keyIndex))
      let invite = try await add(try made(by: key))
      if isRotated {
        _ = try await stores.agents.rotate(record.id, now: Self.now, derive: stores.derive)
      } else {
        try await stores.agents.delete(record.id, now: Self.now)
      }
      let kept = try await store.list().first { $0.id == invite.id }
      #expect(kept?.status(now: Self.now) == .revoked)
    }
  }

  @Test("so many may wait, and those that are used, revoked or over do not count")
  func bound() async throws {
    var all: [Invite] = []
    for _ in 0..<InviteStore.mostOpen {
      all.append(try made())
      _ = try await add(try #require(all.last))
    }
    await #expect(throws: StoresError.tooManyInvites) { try await add(try made()) }
    try await redeem(all[0])
    _ = try await add(try made())
    let last = try #require(try await store.list().first { $0.nonce == all[1].nonce.text })
    _ = try await store.revoke(last.id, now: Self.now)
    _ = try await add(try made())
    await #expect(throws: StoresError.tooManyInvites) { try await add(try made()) }
    _ = try await add(try made(for: 10_000), now: Self.now.addingTimeInterval(3600))
  }

  @Test("what ended long ago is forgotten, unless its key still opens something")
  func forgetting() async throws {
    let (unused, used, revoked) = (try made(), try made(), try made())
    for invite in [unused, used, revoked] { _ = try await add(invite) }
    try await redeem(used)
    try await redeem(revoked)
    let record = try #require(try await store.list().first { $0.nonce == revoked.nonce.text })
    _ = try await store.revoke(record.id, now: Self.now)
    _ = try await add(try made(), now: Self.now.addingTimeInterval(3600 + InviteStore.keptFor - 1))
    #expect(try await store.list().count == 4)
    _ = try await add(try made(), now: Self.now.addingTimeInterval(3600 + InviteStore.keptFor))
    let left = Set(try await store.list().map(\.nonce))
    #expect(left.count == 2)
    #expect(left.contains(used.nonce.text))
  }

  @Test("what became of an invite is known after a restart, and to another process")
  func otherProcess() async throws {
    let (used, open) = (try made(), try made())
    for invite in [used, open] { _ = try await add(invite) }
    try await redeem(used)
    var configuration = stores.host.configuration
    configuration.label = "other"
    let other = try DatabasePool(path: stores.host.path, configuration: configuration)
    await #expect(throws: StoresError.usedInvite) {
      try await redeem(used, in: InviteStore(StoreDatabase(other)))
    }
    try await redeem(open, in: InviteStore(StoreDatabase(other)))
    try other.close()
    await #expect(throws: StoresError.usedInvite) { try await redeem(open) }
    #expect(try await keyCount() == 2)
  }
}
