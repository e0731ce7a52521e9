import Crypto
import Foundation
import Identity
import SecretMemory
import Testing

@testable import Pairing

@Suite("Sealed access keys")
struct SealedAccessKeyTests {
  private struct Recorded: Decodable {
    struct Envelope: Decodable {
      let agentAddress: Address
      let ct: String
      let enc: String
      let nonce: String
      let plaintext: String
      let recipientPrivate: String
    }
    let pairingEnvelope: Envelope
  }

  private static func recorded() throws -> Recorded.Envelope {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Fixtures/vectors/osaurus-v1.json").standardized
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Recorded.self, from: Data(contentsOf: file)).pairingEnvelope
  }

  private static func text(_ secret: borrowing SecretBytes) -> String {
    secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }

  private static func sealed(
    _ text: String, for agent: Address, nonce: String, to receiver: String
  ) throws -> SealedAccessKey {
    try Array(text.utf8).withUnsafeBytes {
      try SealedAccessKey(sealing: $0, of: agent, nonce: nonce, to: receiver)
    }
  }

  @Test("an envelope that Osaurus sealed opens")
  func recordedEnvelope() throws {
    let recorded = try Self.recorded()
    let scalar = try #require(Hex.decode(recorded.recipientPrivate))
    let key = ReceivingKey(privateKey: try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: scalar))
    let envelope = try JSONDecoder().decode(
      SealedAccessKey.self, from: Data(#"{"ct":"\#(recorded.ct)","enc":"\#(recorded.enc)"}"#.utf8))
    let opened = try envelope.open(with: key, agent: recorded.agentAddress, nonce: recorded.nonce)
    #expect(Self.text(opened) == recorded.plaintext)
  }

  @Test("what is sealed opens with its key, agent and nonce, and with no other")
  func binding() throws {
    let agent = try Self.recorded().agentAddress
    let other = try #require(Address(bytes: [UInt8](repeating: 9, count: 20)))
    let key = ReceivingKey()
    let envelope = try Self.sealed("osk-v1.a.b", for: agent, nonce: "n", to: key.encPub)
    #expect(Self.text(try envelope.open(with: key, agent: agent, nonce: "n")) == "osk-v1.a.b")
    #expect(throws: PairingError.sealedForAnother) {
      _ = try envelope.open(with: ReceivingKey(), agent: agent, nonce: "n")
    }
    #expect(throws: PairingError.sealedForAnother) {
      _ = try envelope.open(with: key, agent: other, nonce: "n")
    }
    #expect(throws: PairingError.sealedForAnother) {
      _ = try envelope.open(with: key, agent: agent, nonce: "m")
    }
  }

  @Test("no bit of an envelope can be turned over")
  func everyBit() throws {
    let agent = try Self.recorded().agentAddress
    let key = ReceivingKey()
    let envelope = try Self.sealed("osk-v1.a.b", for: agent, nonce: "n", to: key.encPub)
    for member in ["ct", "enc"] {
      let bytes = try #require(Base64URL.decode(member == "ct" ? envelope.ct : envelope.enc))
      for index in bytes.indices {
        var changed = bytes
        // The top bit of an X25519 key means nothing.
        changed[index] ^= 1
        let text = Base64URL.string(changed)
        let json =
          #"{"ct":"\#(member == "ct" ? text : envelope.ct)","enc":"\#(member == "enc" ? text : envelope.enc)"}"#
        let broken = try JSONDecoder().decode(SealedAccessKey.self, from: Data(json.utf8))
        #expect(throws: PairingError.sealedForAnother) {
          _ = try broken.open(with: key, agent: agent, nonce: "n")
        }
      }
    }
  }

  @Test(
    "a key to seal to that is none is refused",
    arguments: [
      "", "AAAA", "not base64!", Base64URL.string([UInt8](repeating: 0, count: 32)),
      Base64URL.string([1] + [UInt8](repeating: 0, count: 31)),
      Base64URL.string([UInt8](repeating: 1, count: 33)),
    ])
  func badReceivers(receiver: String) throws {
    let agent = try Self.recorded().agentAddress
    #expect(throws: PairingError.invalidEncryptionKey) {
      try Self.sealed("osk-v1.a.b", for: agent, nonce: "n", to: receiver)
    }
  }

  @Test("a receiving key does not show itself")
  func secrecy() {
    var dumped = ""
    let key = ReceivingKey()
    dump(key, to: &dumped)
    #expect(dumped + "\(key)" == "- ReceivingKey\nReceivingKey")
  }
}
