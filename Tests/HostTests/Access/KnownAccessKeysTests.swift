import Foundation
import Testing

@testable import Host
@testable import Identity

@Suite("Access keys that were good before")
struct KnownAccessKeysTests {
  private let master: MasterKey
  private let agent: SigningKey
  private let known = KnownAccessKeys()

  init() throws {
    master = try MasterKey.generate()
    agent = try master.agentKey(AgentIndex(rawValue: 0))
  }

  private var rules: AccessKeyValidator.Rules {
    AccessKeyValidator.Rules(master: master.address, agents: [agent.address])
  }

  private func key(_ counter: UInt64 = 5, _ expiry: AccessKeyExpiry = .days30) -> (
    text: String, nonce: String
  ) {
    let minted = AccessKeyMint.mint(
      by: agent, label: nil, counter: counter, expiry: expiry, issuedAt: 1000, nonce: UUID())
    return (minted.withText { $0 }, minted.claims.nonce)
  }

  /// What is said of a text, which has to be what it would be if the text had never been seen.
  private func verdict(
    _ text: String, _ change: (inout AccessKeyValidator.Rules) -> Void = { _ in }, now: Int64 = 2000
  ) -> AccessKeyVerdict {
    var rules = rules
    change(&rules)
    let validator = AccessKeyValidator(rules: rules)
    let verdict = known.verdict(of: text, by: validator, now: now)
    #expect(verdict == validator.validate(text, now: now))
    return verdict
  }

  @Test("one is known by what was presented, and by nothing else")
  func named() throws {
    let (first, second) = (key().text, key().text)
    guard case .valid(let one) = verdict(first), case .valid(let other) = verdict(second) else {
      Issue.record("a good key was refused")
      return
    }
    #expect(one != other && known.count == 2)
    #expect(verdict(first) == .valid(one) && known.count == 2)
    let altered = String(first.dropLast()) + (first.last == "b" ? "c" : "b")
    #expect(verdict(altered) != .valid(one))
    #expect(verdict("") == .invalid(.unrecognisedFormat) && known.count == 2)
  }

  @Test(
    "it is refused as soon as it is revoked, has ended, or what it opens has gone, and good again with that")
  func changes() throws {
    let (text, nonce) = key()
    let good = verdict(text)
    #expect(verdict(text) { $0.revokedKeys = [RevokedKey(issuer: agent.address, nonce: nonce)] } == .revoked)
    #expect(verdict(text) { $0.counterThresholds = [agent.address: 5] } == .revoked)
    #expect(verdict(text) { $0.counterFloor = 6 } == .revoked)
    #expect(verdict(text) { $0.agents = [] } == .invalid(.audienceMismatch))
    #expect(verdict(text, now: 1000 + 30 * 86_400) == .expired)
    #expect(known.verdict(of: text, by: .closed, now: 2000) == .invalid(.audienceMismatch))
    #expect(verdict(text) == good)
  }

  @Test("they are bounded")
  func bounded() {
    for counter in 0..<UInt64(KnownAccessKeys.capacity + 10) { _ = verdict(key(counter).text) }
    #expect(known.count <= KnownAccessKeys.capacity)
  }
}
