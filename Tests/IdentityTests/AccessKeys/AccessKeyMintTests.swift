import Crypto
import Foundation
import SecretMemory
import Testing

@testable import Identity

@Suite("Making access keys")
struct AccessKeyMintTests {
  @Test("the recorded keys come out, byte for byte, and can be read")
  func recorded() throws {
    let keys = try RecordedAnswers.load().accessKeys
    #expect(!keys.isEmpty)
    for key in keys {
      let master = try MasterKey.testing(key.master)
      let signer =
        key.index < 0 ? master.signingKey : try master.agentKey(AgentIndex(rawValue: UInt32(key.index)))
      let claims = AccessKeyClaims(
        audience: signer.address, counter: key.cnt, expiresAt: key.exp < 0 ? nil : key.exp,
        issuedAt: key.iat, issuer: signer.address, label: key.lbl, nonce: key.nonce)
      #expect(AccessKeyMint.mint(claims, by: signer).withText { $0 } == key.key)

      let payload = try #require(Base64URL.decode(key.key.split(separator: ".")[1]))
      let read = try #require(payload.withUnsafeBytes { AccessKeyPayload($0) })
      #expect(read.audience == signer.address && read.issuer == signer.address)
      #expect(read.counter == key.cnt && read.nonce == key.nonce && read.issuedAt == key.iat)
      #expect(read.expiresAt == claims.expiresAt && (read.label ?? "") == key.lbl)
    }
  }

  @Test("the key of an independent implementation comes out, byte for byte")
  func independent() throws {
    let alice = try MasterKey.alice()
    let claims = AccessKeyClaims(
      audience: alice.address, counter: 1, expiresAt: 1_800_000_000, issuedAt: 1_700_000_000,
      issuer: alice.address, label: "a/b \u{2013} \"q\"", nonce: "00112233445566778899aabbccddeeff")
    let text = """
      osk-v1.eyJhdWQiOiIweGYzOUZkNmU1MWFhZDg4RjZGNGNlNmFCODgyNzI3OWNmZkZiOTIyNjYiLCJjbnQiOjEsImV4cCI6M\
      TgwMDAwMDAwMCwiaWF0IjoxNzAwMDAwMDAwLCJpc3MiOiIweGYzOUZkNmU1MWFhZDg4RjZGNGNlNmFCODgyNzI3OWNmZkZiO\
      TIyNjYiLCJsYmwiOiJhXC9iIOKAkyBcInFcIiIsIm5vbmNlIjoiMDAxMTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmYif\
      Q.eceeb39b1a19b30f6ddd0edf863dba7bda24e2da8ac407d22414bba5de436db8616c45542ea886c790a3c23d148086\
      45abd108d436858ff742d60cddf93678b21b
      """
    let minted = AccessKeyMint.mint(claims, by: alice.signingKey).withText { $0 }
    #expect(minted == text)
  }

  @Test("a key opens who signed it, and carries a nonce without hyphens in lowercase")
  func claims() throws {
    let agent = try MasterKey.alice().agentKey(AgentIndex(rawValue: 0))
    let nonce = try #require(UUID(uuidString: "00112233-4455-6677-8899-AABBCCDDEEFF"))
    let minted = AccessKeyMint.mint(
      by: agent, label: "laptop", counter: 4, expiry: .days30, issuedAt: 1000, nonce: nonce)
    #expect(
      minted.claims
        == AccessKeyClaims(
          audience: agent.address, counter: 4, expiresAt: 1000 + 30 * 86400, issuedAt: 1000,
          issuer: agent.address, label: "laptop", nonce: "00112233445566778899aabbccddeeff"))
  }

  @Test("an empty or missing label and a missing end leave no trace in the payload")
  func omitted() throws {
    let alice = try MasterKey.alice()
    for label in [nil, ""] {
      let claims = AccessKeyClaims(
        audience: alice.address, counter: 0, expiresAt: nil, issuedAt: 5, issuer: alice.address, label: label,
        nonce: "00")
      let address = alice.address.checksummed
      #expect(
        String(decoding: claims.encoded(), as: UTF8.self)
          == #"{"aud":"\#(address)","cnt":0,"iat":5,"iss":"\#(address)","nonce":"00"}"#)
    }
  }

  @Test("any label is written as Foundation writes it with sorted keys, and is read back")
  func labels() throws {
    struct Payload: Encodable {
      let aud: String, cnt: UInt64, exp: Int64?, iat: Int64, iss: String, lbl: String?, nonce: String
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let alice = try MasterKey.alice().address
    var generator = SeededGenerator(seed: 8)
    let pieces =
      (0..<0x20).map { String(UnicodeScalar(UInt8($0))) }
      + [
        "\"", "\\", "/", "\u{7f}", "\u{2028}", "é", "e\u{301}", "🦕", "a", " ", "\u{80}", "\u{ffff}", "'", "<",
      ]
    for round in 0..<500 {
      let count = round == 0 ? 1 : Int.random(in: 1...12, using: &generator)
      let label = (0..<count).map { _ in pieces.randomElement(using: &generator)! }.joined()
      let claims = AccessKeyClaims(
        audience: alice, counter: .random(in: 0...UInt64.max, using: &generator),
        expiresAt: Bool.random(using: &generator) ? .random(in: 0...Int64.max, using: &generator) : nil,
        issuedAt: .random(in: 0...Int64.max, using: &generator), issuer: alice, label: label, nonce: "00")
      let text = claims.encoded()
      let reference = try encoder.encode(
        Payload(
          aud: alice.checksummed, cnt: claims.counter, exp: claims.expiresAt, iat: claims.issuedAt,
          iss: alice.checksummed, lbl: label, nonce: "00"))
      #expect(text == [UInt8](reference), "\(label.unicodeScalars.map(\.value))")
      let read = try #require(text.withUnsafeBytes { AccessKeyPayload($0) })
      #expect(read.label.map { Array($0.utf8) } == Array(label.utf8))
      #expect(read.counter == claims.counter && read.expiresAt == claims.expiresAt)
    }
  }

  @Test("keys of one issuer have different fingerprints")
  func fingerprints() throws {
    let alice = try MasterKey.alice().signingKey
    let minted = (0..<64).map { counter in
      AccessKeyMint.mint(
        by: alice, label: nil, counter: UInt64(counter), expiry: .never, issuedAt: 0, nonce: UUID())
    }
    #expect(Set(minted.map(\.fingerprint)).count == 64)
    // Also by the first digits, which are enough to name one.
    #expect(Set(minted.map { $0.fingerprint.prefix(8) }).count == 64)
    let text = minted[0].withText { $0 }
    // What `printf %s "$KEY" | sha256sum` begins with.
    let digest = Hex.string(Array(SHA256.hash(data: Data(text.utf8))))
    #expect(minted[0].fingerprint == digest.prefix(16))
    #expect(!"\(minted[0]) \(String(reflecting: minted[0]))".contains(text.suffix(20)))
  }

  @Test(
    "the end is counted in days of 24 hours and in calendar years, in UTC",
    arguments: [
      (AccessKeyExpiry.days30, 1_700_000_000, 1_702_592_000),
      (.days90, 1_700_000_000, 1_707_776_000),
      (.year, 1_700_000_000, 1_731_622_400),  // over a 29 February
      (.year, 1_740_830_400, 1_772_366_400),  // 1 March 2025 to 1 March 2026
      (.year, 1_709_208_000, 1_740_744_000),  // 29 February 2024 to 28 February 2025
      (.days30, 0, 2_592_000),
      // The clocks of Europe change on 29 March 2026.
      (.days30, 1_774_080_000, 1_776_672_000),
    ])
  func expiry(expiry: AccessKeyExpiry, start: Int64, end: Int64) {
    #expect(expiry.end(issuedAt: start) == end)
  }

  @Test("a key that never expires has no end")
  func never() {
    #expect(AccessKeyExpiry.never.end(issuedAt: 1_700_000_000) == nil)
    #expect(AccessKeyExpiry.allCases.map(\.rawValue) == ["30d", "90d", "1y", "never"])
  }

  @Test(
    "a label becomes one line with single spaces",
    arguments: [
      ("laptop", "laptop"), ("  my \n\t laptop ", "my laptop"), ("a\u{a0}b\u{2003}c", "a b c"),
      (String(repeating: "x", count: 80), String(repeating: "x", count: 80)),
      (String(repeating: "👩‍👩‍👧", count: 80), String(repeating: "👩‍👩‍👧", count: 80)),
      (String(repeating: " ", count: 100) + "x", "x"),
    ])
  func label(typed: String, text: String) throws {
    #expect(try AccessKeyLabel(typed).text == text)
  }

  @Test("an empty label and one of 81 characters are refused in so many words")
  func refusedLabels() {
    for typed in ["", " ", "\n\t"] {
      #expect(throws: IdentityError.emptyLabel) { try AccessKeyLabel(typed) }
    }
    #expect(throws: IdentityError.longLabel) { try AccessKeyLabel(String(repeating: "x", count: 81)) }
    #expect(IdentityError.emptyLabel.description == "Access key labels cannot be empty.")
    #expect(IdentityError.longLabel.description == "Access key labels must be 80 characters or fewer.")
  }
}
