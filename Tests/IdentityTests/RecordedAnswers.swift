import Foundation
import Identity
import SecretMemory
import Testing

/// Answers that the original implementation gave, from `Tests/Fixtures/vectors/osaurus-v1.json`.
struct RecordedAnswers: Decodable {
  struct Hash: Decodable {
    let digest: String
    let utf8: String
  }
  struct Person: Decodable {
    struct Agent: Decodable {
      let address: String
      let index: UInt32
      let key: String
    }
    let address: String
    let agents: [Agent]
    let master: String
    let mnemonic: String
  }
  struct Signature: Decodable {
    let domain: String
    let key: String
    let payload: String
    let signature: String
  }
  struct AccessKey: Decodable {
    let cnt: UInt64
    let exp: Int64
    let iat: Int64
    let index: Int
    let key: String
    let lbl: String
    let master: String
    let nonce: String
  }
  struct Invite: Decodable {
    let deeplink: String
    let index: UInt32
    let master: String
  }
  struct Channel: Decodable {
    struct Hello: Decodable { let signature: String }
    let agentIndex: UInt32
    let agentMaster: String
    let serverHello: String
    let transcript: String
  }

  let keccak256: [Hash]
  let identity: [Person]
  let signatures: [Signature]
  let accessKeys: [AccessKey]
  let invite: Invite
  let secureChannel: Channel

  static func load() throws -> RecordedAnswers {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(RecordedAnswers.self, from: Fixture.data("vectors/osaurus-v1.json"))
  }
}

/// A file below `Tests/Fixtures`.
enum Fixture {
  static func data(_ path: String) throws -> Data {
    try Data(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Fixtures/\(path)").standardized)
  }
}

extension MasterKey {
  /// The master of 64 hexadecimal digits.
  static func testing(_ hex: String) throws -> MasterKey {
    var entropy = try #require(Hex.decode(hex))
    return try MasterKey(entropy: SecretBytes(taking: &entropy))
  }

  /// The well-known first test key of Hardhat.
  static func alice() throws -> MasterKey {
    try testing("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
  }
}

extension SigningKey {
  /// The key of 64 hexadecimal digits.
  static func testing(_ hex: String) throws -> SigningKey {
    var scalar = try #require(Hex.decode(hex))
    return try SigningKey(scalar: SecretBytes(taking: &scalar))
  }
}

/// A generator that gives the same numbers every time (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }
}
