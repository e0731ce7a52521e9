import Foundation
import SecretMemory
import Testing

@testable import Identity

@Suite("Request tokens")
struct RequestTokenTests {
  // The answers are those of an independent implementation (Python).
  private static let header =
    "eyJhbGciOiJlczI1NmsrYXBwbGUtYXR0ZXN0IiwidHlwIjoib3NhdXJ1cy1pZCIsInZlciI6NX0"
  private static let payload =
    "eyJpc3MiOiIweGYzOUZkNmU1MWFhZDg4RjZGNGNlNmFCODgyNzI3OWNmZkZiOTIyNjYiLCJkZXYiOiIwYTFiMmMzZCIsImNudCI6NywiaWF0Ij"
    + "oxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAwNjAsImF1ZCI6Imhvc3QuZXhhbXBsZSIsImFjdCI6IkdFVCBcL3YxXC9tb2RlbHMifQ"
  private static let signature =
    "7951f9032ed14aeb4fa26df11edde9b9330eb44b1690d2ec4170d0cdc4e5f3881f35e5c17add0f5cb94280777af41c8b7d189e5ff7dccb"
    + "462af114f150e83c1a1b"
  private static let assertion =
    "t79tRQII5JPpAKogztPweGT11zkylq4GLZNkg-BTIRDkUsQ5UuwK4TTRoN-sN_LosUMIus0UIe6P1Tn9M3SlXA"
  private static let token = [header, payload, signature, assertion].joined(separator: ".")
  /// Of an agent, in another spelling of the JSON, with members that nobody knows.
  private static let agentToken =
    "eyJ2ZXIiOjUsInR5cCI6Im9zYXVydXMtaWQiLCJ4IjoxLCJhbGciOiJlczI1NmsrYXBwbGUtYXR0ZXN0In0.eyAiYWN0IjogIlBPU1QgXC9hZ2"
    + "VudHNcL2FkYVwvcnVuP3g9MSIsICJhdWQiOiJIb3N0LkV4YW1wbGUiLCAiY250IjoxODQ0Njc0NDA3MzcwOTU1MTYxNSwgImRldiI6IjBhMWIy"
    + "YzNkIiwiZXhwIjoxNzAwMDAwMDYwLjAsImlhdCI6MTcwMDAwMDAwMCwgImlkeCI6MCwgImlzcyI6IjB4MzMxNTY1ZTE5NjAyOTg2NjM0NjEwZj"
    + "RiMzNmZjdhZDE4Mjg2MDAzNiIsICJwYXIiOiIweGYzOUZkNmU1MWFhZDg4RjZGNGNlNmFCODgyNzI3OWNmZkZiOTIyNjYiLCAiZXh0cmEiOlsx"
    + "LHsiYSI6bnVsbH1dfQ.c8c5c9ffd767cbae1dd70f03a4509ec22125260cf94e15f766fb96ceadb496aa02ea4b1170231f8e51e987ac3da"
    + "d1752b5fff9e7f8cb1777e65d3793f2fd10c51b.q4wO_oxJB0CoNOE14nHUsjctZAoYVcNw8Sw7Y5ofYMmMoVuCoVAbxFzbqK-TgUk4S0oNK3"
    + "5XJ9FtIfwDgSBbMQ"

  private static let now: Int64 = 1_700_000_000

  private let master: MasterKey
  private let device: DeviceKey
  private let verifier: RequestTokenVerifier

  init() throws {
    master = try MasterKey(
      mnemonic: Mnemonic(
        parsing: """
          project entry cook mango pause vast purse network regular mushroom divide chuckle river focus tobacco laundry \
          galaxy tornado own online satisfy just wrap arctic
          """))
    var item: [UInt8] = [0x0a, 0x1b, 0x2c, 0x3d] + Array(1...32)
    device = try DeviceKey(SecretBytes(taking: &item))
    verifier = RequestTokenVerifier(
      issuers: [master.address],
      target: try RequestTarget(audience: "host.example", action: "GET /v1/models"),
      devices: [device.id: device.publicKey])
  }

  private func verdict(
    _ token: String, now: Int64 = now, last: UInt64? = nil, _ verifier: RequestTokenVerifier? = nil
  ) -> RequestTokenVerdict {
    (verifier ?? self.verifier).verify(token, now: now) { _, _ in last }
  }

  /// What the verifier tells of a token that it takes.
  private func taken(
    _ token: String, now: Int64 = now, last: UInt64? = nil, _ verifier: RequestTokenVerifier? = nil
  ) throws -> VerifiedRequestToken {
    switch verdict(token, now: now, last: last, verifier) {
    case .valid(let verified): return verified
    case .refused(let refusal): throw refusal
    }
  }

  /// A payload that the master and the device have signed.
  private func token(payload: String, header: String? = nil) -> String {
    let bytes = Array(payload.utf8)
    return [
      header.map { Base64URL.string(Array($0.utf8)) } ?? Self.header, Base64URL.string(bytes),
      master.signingKey.sign(bytes, in: .message).hex, Base64URL.string(device.signature(over: bytes)),
    ].joined(separator: ".")
  }

  /// A good payload but for some members; nil leaves one out.
  private func fields(_ changes: [String: String?] = [:]) -> String {
    var fields: [String: String?] = [
      "iss": "\"\(master.address.checksummed)\"", "dev": "\"0a1b2c3d\"", "cnt": "7", "iat": "1700000000",
      "exp": "1700000060", "aud": "\"host.example\"", "act": "\"GET /v1/models\"",
    ]
    for (key, value) in changes { fields.updateValue(value, forKey: key) }
    let members = fields.compactMap { key, value in value.map { "\"\(key)\":\($0)" } }
    return "{" + members.joined(separator: ",") + "}"
  }

  @Test("a recorded token is what is made, but for the device's signature, which is another one every time")
  func recorded() throws {
    #expect(device.id.text == "0a1b2c3d")
    #expect(device.publicKey.text == "AlFcPW6545a5BNP-yn9U_c0MwemXvzddylFa0KbDtANf")
    let minted = RequestToken.mint(
      by: master.signingKey, on: device, for: verifier.target, counter: 7, issuedAt: Self.now)
    #expect(minted.split(separator: ".").prefix(3) == Self.token.split(separator: ".").prefix(3))
    for token in [minted, Self.token] {
      let verified = try taken(token)
      #expect(verified.issuer == master.address && verified.device == device.id && verified.isDeviceProven)
      #expect(verified.counter == 7 && verified.expiresAt == 1_700_000_060)
    }
  }

  @Test("the bytes that came are what is verified, however their JSON is spelt")
  func otherSpelling() throws {
    let agent = try master.agentKey(AgentIndex(rawValue: 0))
    let theirs = RequestTokenVerifier(
      issuers: [agent.address],
      target: try RequestTarget(audience: "HOST.example", action: "POST /agents/ada/run?x=1"),
      devices: [device.id: device.publicKey])
    let verified = try taken(Self.agentToken, last: .max - 1, theirs)
    #expect(verified.issuer == agent.address && verified.counter == .max)
    #expect(verdict(Self.agentToken, last: .max, theirs) == .refused(.replayed))
    let minted = RequestToken.mint(
      by: agent, agent: (master.address, AgentIndex(rawValue: 0)), on: device, for: theirs.target, counter: 1,
      issuedAt: Self.now)
    let segment = try #require(minted.split(separator: ".").dropFirst().first)
    let payload = String(decoding: try #require(Base64URL.decode(segment)), as: UTF8.self)
    #expect(payload.hasSuffix(#""par":"\#(master.address.checksummed)","idx":0}"#))
    #expect(try taken(minted, theirs).counter == 1)
  }

  @Test("a token that no device has signed is taken only where that was asked for")
  func software() throws {
    let token = [Self.header, Self.payload, Self.signature, ""].joined(separator: ".")
    #expect(verdict(token) == .refused(.unsignedByDevice))
    var lenient = verifier
    lenient.acceptsSoftware = true
    #expect(try taken(token, lenient).isDeviceProven == false)
    let minted = RequestToken.mint(
      by: master.signingKey, on: device, isSoftware: true, for: verifier.target, counter: 7,
      issuedAt: Self.now)
    #expect(minted == token)
    // A signature that is there has to be right all the same.
    let flawed = token + Base64URL.string([UInt8](repeating: 1, count: 64))
    #expect(verdict(flawed, lenient) == .refused(.deviceSignature))
    lenient.devices = [:]
    #expect(verdict(Self.token, lenient) == .refused(.unknownDevice))
  }

  @Test("every fault of form has its own refusal")
  func form() {
    let parts = [Self.header, Self.payload, Self.signature, Self.assertion]
    func token(_ index: Int, _ text: String) -> String {
      var parts = parts
      parts[index] = text
      return parts.joined(separator: ".")
    }
    let cases: [(String, RequestTokenRefusal)] = [
      ("", .format), ("osk-v1.a.b", .format), (parts.dropLast().joined(separator: "."), .format),
      (Self.token + ".", .format), (token(0, ""), .format), (token(2, ""), .format),
      (String(repeating: "a", count: 16 * 1024) + Self.token, .format),
      (token(0, "a b"), .headerEncoding), (token(0, Base64URL.string(Array("[]".utf8))), .malformedHeader),
      (token(1, "%"), .payloadEncoding), (token(1, Base64URL.string([0xff])), .malformedPayload),
      (token(2, "0x" + Self.signature), .signatureEncoding),
      (token(2, String(Self.signature.dropLast(2))), .signatureEncoding),
      (token(2, String(repeating: "00", count: 64) + "1b"), .signatureRecovery),
      (token(2, String(Self.signature.dropLast(2)) + "1d"), .signatureRecovery),
      (token(3, "AAAA"), .deviceSignatureEncoding), (token(3, "é"), .deviceSignatureEncoding),
    ]
    for (token, refusal) in cases { #expect(verdict(token) == .refused(refusal), "\(token)") }
  }

  @Test("every claim that does not fit has its own refusal")
  func claims() throws {
    let header = #"{"alg":"es256k+apple-attest","typ":"osaurus-id","ver":5}"#
    let headers: [(String, String, RequestTokenRefusal)] = [
      ("es256k+apple-attest", "none", .algorithm), ("osaurus-id", "JWT", .type), (":5", ":4", .version),
      (":5", ":\"5\"", .malformedHeader), ("\"alg\"", "\"algo\"", .malformedHeader),
    ]
    for (old, new, refusal) in headers {
      let changed = token(payload: fields(), header: header.replacing(old, with: new))
      #expect(verdict(changed) == .refused(refusal))
    }
    #expect(try taken(token(payload: fields())).counter == 7)
    let other = try MasterKey.generate()
    let cases: [([String: String?], RequestTokenRefusal)] = [
      (["iss": "\"\(other.address.checksummed)\""], .issuerMismatch),
      (["iss": "\"0x12\""], .malformedPayload),
      (["dev": "\"0A1B2C3D\""], .malformedPayload), (["cnt": "-1"], .malformedPayload),
      (["cnt": "18446744073709551616"], .malformedPayload), (["exp": nil], .malformedPayload),
      (["aud": "\"other.example\""], .audienceMismatch), (["act": "\"POST /v1/models\""], .actionMismatch),
      (["act": "\"GET /v1/models?x\""], .actionMismatch), (["exp": "1700000061"], .lifetime),
      (["iat": "9223372036854775807"], .lifetime),
      (["iat": "1700000031", "exp": "1700000091"], .notYetValid),
      (["iat": "1699999940", "exp": "1700000000"], .expired), (["dev": "\"0a1b2c3e\""], .unknownDevice),
    ]
    for (changes, refusal) in cases {
      #expect(verdict(token(payload: fields(changes))) == .refused(refusal), "\(changes)")
    }
    #expect(verdict(Self.token, now: Self.now - 31) == .refused(.notYetValid))
    #expect(verdict(Self.token, now: Self.now + 60) == .refused(.expired))
    for seconds: Int64 in [-30, 0, 59] {
      #expect(try taken(Self.token, now: Self.now + seconds).counter == 7)
    }
    var strangers = verifier
    strangers.issuers = [other.address]
    #expect(verdict(Self.token, strangers) == .refused(.unknownIssuer))
    #expect(verdict(Self.token, last: 7) == .refused(.replayed))
    #expect(verdict(Self.token, last: .max) == .refused(.replayed))
    #expect(try taken(Self.token, last: 6).counter == 7)
  }

  @Test("no changed or missing character leaves a token good")
  func tampered() {
    let characters = Array(Self.token)
    for index in characters.indices {
      for replacement in "Z-f5.~" where replacement != characters[index] {
        var changed = characters
        changed[index] = replacement
        if case .valid = verdict(String(changed)) { Issue.record("\(index) \(replacement)") }
      }
    }
    for count in 0..<characters.count {
      if case .valid = verdict(String(characters[..<count])) { Issue.record("\(count) characters are taken") }
    }
  }

  @Test("the signature of another domain, and of another device, is none")
  func otherKeys() throws {
    let payload = try #require(Base64URL.decode(Self.payload))
    let wrong = [Self.header, Self.payload, master.signingKey.sign(payload, in: .access).hex, Self.assertion]
    #expect(verdict(wrong.joined(separator: ".")) == .refused(.issuerMismatch))
    let other = try DeviceKey.generate()
    let theirs = [
      Self.header, Self.payload, Self.signature, Base64URL.string(other.signature(over: payload)),
    ]
    #expect(verdict(theirs.joined(separator: ".")) == .refused(.deviceSignature))
  }

  @Test("what is no host, no method with a path, and no device is refused where it comes in")
  func parsing() throws {
    for audience in ["", "a b", "https://host", "höst", String(repeating: "a", count: 256)] {
      #expect(throws: IdentityError.badAudience) { try RequestTarget(audience: audience, action: "GET /") }
    }
    for action in ["", "GET", "GET models", "get /", "GET  /", "GET / x", "GET /\n", " /", "GET /é"] {
      #expect(throws: IdentityError.badAction) { try RequestTarget(audience: "a", action: action) }
    }
    for id in ["", "0a1b2c3", "0A1B2C3D", "0a1b2c3d4", "０a1b2c3", "0x1b2c3d"] { #expect(DeviceID(id) == nil) }
    for key in ["", "AAAA", Base64URL.string([4] + [UInt8](repeating: 0, count: 32))] {
      #expect(DevicePublicKey(key) == nil)
    }
    #expect(DevicePublicKey(device.publicKey.text) == device.publicKey)
    for item in [[UInt8](repeating: 0, count: 36), [UInt8](repeating: 255, count: 36), Array(1...35)] {
      #expect(throws: IdentityError.malformedDeviceKey) {
        var item = item
        _ = try DeviceKey(SecretBytes(taking: &item))
      }
    }
    #expect(Set(RequestTokenRefusal.allCases.map(\.description)).count == RequestTokenRefusal.allCases.count)
  }
}
