import Foundation
import Testing

@testable import Identity

@Suite("Checking access keys")
struct AccessKeyValidatorTests {
  private let master: MasterKey
  private let first: SigningKey
  private let second: SigningKey
  private let stranger: SigningKey
  private let now: Int64 = 1_700_000_000

  init() throws {
    master = try .alice()
    first = try master.agentKey(AgentIndex(rawValue: 0))
    second = try master.agentKey(AgentIndex(rawValue: 1))
    stranger = try .testing("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
  }

  private func rules(_ change: (inout AccessKeyValidator.Rules) -> Void = { _ in }) -> AccessKeyValidator {
    var rules = AccessKeyValidator.Rules(master: master.address, agents: [first.address, second.address])
    change(&rules)
    return AccessKeyValidator(rules: rules)
  }

  private func key(
    by signer: SigningKey, for audience: Address? = nil, counter: UInt64 = 1, end: Int64? = nil,
    nonce: String = "aa"
  ) -> String {
    AccessKeyMint.mint(
      AccessKeyClaims(
        audience: audience ?? signer.address, counter: counter, expiresAt: end, issuedAt: now - 10,
        issuer: signer.address, label: nil, nonce: nonce), by: signer
    ).withText { $0 }
  }

  /// A key whose payload is any text, signed by `signer`.
  private func key(payload: String, by signer: SigningKey, in domain: SigningDomain = .access) -> String {
    let payload = Array(payload.utf8)
    return "osk-v1.\(Base64URL.string(payload)).\(signer.sign(payload, in: domain).hex)"
  }

  private func payload(aud: String, iss: String, more: String = "") -> String {
    #"{"aud":"\#(aud)","cnt":1,"iat":5,"iss":"\#(iss)"\#(more),"nonce":"aa"}"#
  }

  // MARK: What is taken

  @Test("the recorded keys are taken, or have expired")
  func recorded() throws {
    for recorded in try RecordedAnswers.load().accessKeys {
      let master = try MasterKey.testing(recorded.master)
      let agent = try master.agentKey(AgentIndex(rawValue: UInt32(max(recorded.index, 0)))).address
      let rules = AccessKeyValidator(rules: .init(master: master.address, agents: [agent]))
      let verdict = rules.validate(recorded.key, now: 1_762_000_010)
      if recorded.exp > 0, recorded.exp <= 1_762_000_010 {
        #expect(verdict == .expired)
      } else {
        let scope = recorded.index < 0 ? VerifiedAccessKey.Scope.master : .agent(agent)
        guard case .valid(let key) = verdict else {
          Issue.record("refused: \(verdict)")
          continue
        }
        #expect(key.scope == scope && key.nonce == recorded.nonce && key.issuer == key.audience)
        #expect(key.expiresAt == (recorded.exp < 0 ? nil : recorded.exp))
      }
    }
  }

  @Test("the master's key opens the host, an agent's key that agent")
  func scopes() {
    guard case .valid(let whole) = rules().validate(key(by: master.signingKey), now: now),
      case .valid(let part) = rules().validate(key(by: first), now: now)
    else {
      Issue.record("refused")
      return
    }
    #expect(whole.scope == .master)
    #expect(part.scope == .agent(first.address) && part.audience == first.address)
  }

  @Test("the master may make a key for an agent")
  func masterForAgent() {
    let text = key(by: master.signingKey, for: first.address)
    guard case .valid(let verified) = rules().validate(text, now: now) else {
      Issue.record("refused")
      return
    }
    #expect(verified.scope == .agent(first.address) && verified.issuer == master.address)
  }

  @Test("the order of members, whitespace, other members and lowercase addresses do not matter")
  func otherSpellings() {
    let address = master.address.lowercased
    for text in [
      payload(aud: address, iss: address),
      payload(aud: address, iss: address, more: #","lbl":"a\u00e9\ud83e\udd95""#),
      payload(aud: address, iss: address, more: #","x":[1,{"y":null}],"lbl":null"#),
      #" { "nonce":"aa", "iss":"\#(address)", "iat":5.0, "exp":null, "cnt":1, "aud":"\#(address)" } "#,
    ] {
      guard case .valid(let verified) = rules().validate(key(payload: text, by: master.signingKey), now: now)
      else {
        Issue.record("refused: \(text)")
        continue
      }
      #expect(verified.audience == master.address)
    }
  }

  // MARK: Each step, in order

  @Test(
    "text that is not of three parts is not recognised",
    arguments: [
      "", ".", "..", "osk-v1", "osk-v1.", "osk-v1..", "osk-v1.e30", "osk-v1.e30.", "osk-v2.e30.00",
      "OSK-V1.e30.00",
      " osk-v1.e30.00", "Bearer osk-v1.e30.00", "e30.e30.00", "a.b.c.",
    ])
  func format(text: String) {
    #expect(rules().validate(text, now: now) == .invalid(.unrecognisedFormat))
  }

  @Test("a text of more than 16 KiB is not looked at")
  func length() {
    let text = "osk-v1." + String(repeating: "A", count: 16 * 1024) + ".00"
    #expect(rules().validate(text, now: now) == .invalid(.unrecognisedFormat))
  }

  @Test("a payload that is no base64 is refused as such", arguments: ["e", "e30*", "e3 0", "é", "e30=="])
  func payloadEncoding(text: String) {
    #expect(rules().validate("osk-v1.\(text).00", now: now) == .invalid(.payloadEncoding))
  }

  @Test("a signature that is not 65 bytes of hexadecimal digits is refused as such")
  func signatureEncoding() {
    let good = key(by: master.signingKey)
    let texts: [String] = [
      String(good.dropLast()), String(good.dropLast(2)), good + "0", good + "00", good.dropLast() + "g",
      good + ".00", good.dropLast() + "１", good + "\n",
    ]
    for text in texts {
      #expect(rules().validate(text, now: now) == .invalid(.signatureEncoding))
    }
    let parts = good.split(separator: ".")
    let prefixed = "\(parts[0]).\(parts[1]).0x\(parts[2])"
    #expect(rules().validate(prefixed, now: now) == .invalid(.signatureEncoding))
    #expect(rules().validate("osk-v1.e30.00", now: now) == .invalid(.signatureEncoding))
  }

  @Test("a signature in capitals and doubled dots are taken")
  func leniency() {
    let parts = key(by: master.signingKey).split(separator: ".")
    let text = ".\(parts[0])..\(parts[1]).\(parts[2].uppercased())"
    guard case .valid = rules().validate(text, now: now) else {
      Issue.record("refused")
      return
    }
  }

  @Test(
    "a payload that is no object with every claim is malformed",
    arguments: [
      "", "{", "[]", "null", "{}", #"{"aud":"a"}"#, #"{"aud":"a","cnt":"1","iat":1,"iss":"b","nonce":"c"}"#,
      #"{"aud":"a","cnt":-1,"iat":1,"iss":"b","nonce":"c"}"#,
      #"{"aud":"a","cnt":1,"iat":1.5,"iss":"b","nonce":"c"}"#,
      #"{"aud":"a","cnt":18446744073709551616,"iat":1,"iss":"b","nonce":"c"}"#,
      #"{"aud":"a","cnt":1,"iat":9223372036854775808,"iss":"b","nonce":"c"}"#,
      #"{"aud":"a","cnt":1,"exp":"1","iat":1,"iss":"b","nonce":"c"}"#,
      #"{"aud":"a","cnt":01,"iat":1,"iss":"b","nonce":"c"}"#,
      #"{"aud":"a","cnt":1,"iat":1,"iss":"b","nonce":"c"}x"#,
      #"{"aud":null,"cnt":1,"iat":1,"iss":"b","nonce":"c"}"#, #"{"aud":"a","cnt":1,"iat":1,"iss":"b"}"#,
      #"{"aud":"a","cnt":1,"iat":1,"iss":"b","lbl":7,"nonce":"c"}"#,
    ])
  func malformed(payload: String) {
    let text = key(payload: payload, by: master.signingKey)
    #expect(
      rules().validate(text, now: now) == .invalid(payload.isEmpty ? .unrecognisedFormat : .malformedPayload))
  }

  @Test("a payload that is not UTF-8 is malformed")
  func notUnicode() {
    let address = master.address.checksummed
    var bytes = Array(payload(aud: address, iss: address, more: #","lbl":"?""#).utf8)
    bytes[bytes.firstIndex(of: UInt8(ascii: "?"))!] = 0xff
    let text = "osk-v1.\(Base64URL.string(bytes)).\(master.signingKey.sign(bytes, in: .access).hex)"
    #expect(rules().validate(text, now: now) == .invalid(.malformedPayload))
  }

  @Test(
    "a recovery value other than 27 and 28 is refused and ends no process",
    arguments: [
      0, 1, 26, 29, 30, 31, 100, 255,
    ])
  func recoveryValue(value: UInt8) {
    let text = key(by: master.signingKey).dropLast(2) + Hex.string([value])
    #expect(rules().validate(text, now: now) == .invalid(.signatureRecovery))
  }

  @Test("a signature of zeroes, or of ones, recovers nobody", arguments: ["00", "ff"])
  func noSignature(digits: String) {
    let text = key(by: master.signingKey).dropLast(130) + String(repeating: digits, count: 64) + "1b"
    #expect(rules().validate(text, now: now) == .invalid(.signatureRecovery))
  }

  @Test("a changed payload, a changed signature or a foreign issuer's name is a mismatch")
  func issuerMismatch() {
    let address = master.address.checksummed
    let good = payload(aud: address, iss: address)
    let signature = master.signingKey.sign(Array(good.utf8), in: .access).hex
    let changed = Base64URL.string(Array(good.replacing(#""cnt":1"#, with: #""cnt":2"#).utf8))
    #expect(rules().validate("osk-v1.\(changed).\(signature)", now: now) == .invalid(.issuerMismatch))
    let forged = key(payload: good, by: stranger)
    #expect(rules().validate(forged, now: now) == .invalid(.issuerMismatch))
    let nobody = key(payload: payload(aud: address, iss: "me"), by: master.signingKey)
    #expect(rules().validate(nobody, now: now) == .invalid(.issuerMismatch))
  }

  @Test("a signature of any other domain is no access key")
  func otherDomains() {
    let address = master.address.checksummed
    for domain in SigningDomain.allCases where domain != .access {
      let text = key(payload: payload(aud: address, iss: address), by: master.signingKey, in: domain)
      #expect(rules().validate(text, now: now) == .invalid(.issuerMismatch))
    }
  }

  @Test("a key for somebody else, or for nobody, is refused before its issuer is looked at")
  func audienceMismatch() {
    let text = key(by: stranger)
    #expect(rules().validate(text, now: now) == .invalid(.audienceMismatch))
    let nobody = key(payload: payload(aud: "you", iss: master.address.checksummed), by: master.signingKey)
    #expect(rules().validate(nobody, now: now) == .invalid(.audienceMismatch))
    let former = rules { $0.agents = [first.address] }
    #expect(former.validate(key(by: second), now: now) == .invalid(.audienceMismatch))
  }

  @Test("a stranger's key for this host is refused")
  func notWhitelisted() {
    let text = key(by: stranger, for: master.address)
    #expect(rules().validate(text, now: now) == .invalid(.issuerNotWhitelisted))
  }

  // MARK: Who may speak for whom

  @Test("an agent's key speaks neither for the host nor for another agent")
  func agentForOthers() {
    for audience in [master.address, second.address] {
      let text = key(by: first, for: audience)
      #expect(rules().validate(text, now: now) == .invalid(.issuerNotWhitelisted))
    }
  }

  @Test("an issuer whitelisted for an agent speaks for that agent alone")
  func whitelistedForAgent() {
    let rules = rules { $0.agentWhitelists = [first.address: [stranger.address]] }
    for (audience, isTaken) in [(first.address, true), (second.address, false), (master.address, false)] {
      let verdict = rules.validate(key(by: stranger, for: audience), now: now)
      guard isTaken else {
        #expect(verdict == .invalid(.issuerNotWhitelisted))
        continue
      }
      guard case .valid(let verified) = verdict else {
        Issue.record("refused")
        continue
      }
      #expect(verified.scope == .agent(first.address) && verified.issuer == stranger.address)
    }
  }

  @Test("an issuer whitelisted for the host speaks for all of it")
  func whitelistedForHost() {
    let rules = rules { $0.masterWhitelist = [stranger.address] }
    for audience in [master.address, first.address, second.address] {
      guard case .valid = rules.validate(key(by: stranger, for: audience), now: now) else {
        Issue.record("refused")
        continue
      }
    }
  }

  // MARK: Revocation and time

  @Test("an issuer whitelisted for every agent speaks for each of them, and not for the host")
  func everyAgent() {
    let rules = rules { $0.everyAgentWhitelist = [stranger.address] }
    for agent in [first, second] {
      guard case .valid(let key) = rules.validate(key(by: stranger, for: agent.address), now: now) else {
        Issue.record("refused")
        return
      }
      #expect(key.scope == .agent(agent.address))
    }
    #expect(
      rules.validate(key(by: stranger, for: master.address), now: now) == .invalid(.issuerNotWhitelisted))
    #expect(rules.validate(key(by: stranger), now: now) == .invalid(.audienceMismatch))
  }

  @Test("an agent speaks for itself alone, also where a whitelist names it")
  func whitelistedAgent() {
    let rules = rules {
      $0.masterWhitelist = [first.address]
      $0.everyAgentWhitelist = [first.address]
      $0.agentWhitelists = [second.address: [first.address]]
    }
    for audience in [master.address, second.address] {
      #expect(
        rules.validate(key(by: first, for: audience), now: now) == .invalid(.issuerNotWhitelisted))
    }
    guard case .valid = rules.validate(key(by: first), now: now) else {
      Issue.record("refused")
      return
    }
  }

  @Test("a revoked key is refused, another of the same issuer is not")
  func revoked() {
    let rules = rules { $0.revokedKeys = [RevokedKey(issuer: first.address, nonce: "aa")] }
    #expect(rules.validate(key(by: first, nonce: "aa"), now: now) == .revoked)
    guard case .valid = rules.validate(key(by: first, nonce: "ab"), now: now),
      case .valid = rules.validate(key(by: second, nonce: "aa"), now: now)
    else {
      Issue.record("refused")
      return
    }
  }

  @Test(
    "a threshold revokes every key of its issuer up to its number",
    arguments: [
      (0, true), (6, true), (7, true), (8, false), (UInt64.max, false),
    ])
  func threshold(counter: UInt64, isRevoked: Bool) {
    let rules = rules { $0.counterThresholds = [first.address: 7] }
    #expect((rules.validate(key(by: first, counter: counter), now: now) == .revoked) == isRevoked)
    #expect(rules.validate(key(by: second, counter: counter), now: now) != .revoked)
  }

  @Test("a key ends at its second, not after it", arguments: [(-1, true), (0, true), (1, false)])
  func expiry(offset: Int64, hasExpired: Bool) {
    let verdict = rules().validate(key(by: first, end: now + offset), now: now)
    #expect((verdict == .expired) == hasExpired)
  }

  @Test("a key that is both revoked and expired is revoked")
  func revokedAndExpired() {
    let rules = rules { $0.revokedKeys = [RevokedKey(issuer: first.address, nonce: "aa")] }
    #expect(rules.validate(key(by: first, end: now - 1), now: now) == .revoked)
  }

  @Test("a host without an identity takes no key and has none")
  func closed() {
    #expect(!AccessKeyValidator.closed.hasKeys)
    let verdict = AccessKeyValidator.closed.validate(key(by: master.signingKey), now: now)
    #expect(verdict == .invalid(.audienceMismatch))
    #expect(AccessKeyValidator.closed.validate("x", now: now) == .invalid(.unrecognisedFormat))
  }

  @Test("a validator knows whether keys were ever made")
  func hasKeys() {
    #expect(rules().hasKeys)
    #expect(!rules { $0.hasKeys = false }.hasKeys)
  }

  @Test("no byte of a key can be changed without its being refused")
  func everyByte() {
    let good = Array(key(by: first, end: now + 100).utf8)
    var generator = SeededGenerator(seed: 9)
    for place in stride(from: 0, to: good.count, by: 2) {
      var changed = good
      changed[place] ^= 1 << UInt8.random(in: 0...6, using: &generator)
      if place > good.count - 131, changed[place] | 0x20 == good[place] | 0x20 { continue }
      let verdict = changed.withUnsafeBytes { rules().validate($0, now: now) }
      if case .valid = verdict { Issue.record("taken with a changed byte at \(place)") }
    }
  }
}
