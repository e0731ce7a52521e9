import Crypto
import Foundation
import Identity
import SecretMemory

@testable import SecureChannel

/// Both ends of a session that is the same in every run, and its keys, so that a test can also seal what no client
/// would.
struct Conversation {
  static let now: Int64 = 1_800_000_000

  let agentKey: SigningKey
  let client: ClientSession
  let server: ServerSession
  let keys: SessionKeys

  init(nonce: UInt8 = 0) throws {
    agentKey = try Self.agentKey(0)
    let handshake = try Self.clientHandshake(with: agentKey.address, nonce: nonce)
    let (answer, server) = try Self.accept(handshake.hello, by: agentKey, sid: nonce)
    self.server = server
    client = try handshake.finish(answer, now: Self.now)
    keys = SessionKeys(
      shared: try SessionKeys.agree(Self.clientEphemeral(), with: answer.encPub),
      transcript: try Transcript(
        hello: handshake.hello, sid: answer.sid, serverKey: answer.encPub, expiresAt: answer.expiresAt))
  }

  static func agentKey(_ index: UInt32) throws -> SigningKey {
    var entropy = [UInt8](repeating: 7, count: 32)
    return try MasterKey(entropy: SecretBytes(taking: &entropy)).agentKey(AgentIndex(rawValue: index))
  }

  static func clientEphemeral() throws -> Curve25519.KeyAgreement.PrivateKey {
    try .init(rawRepresentation: Array(1...32))
  }

  static func clientHandshake(with agent: Address, nonce: UInt8 = 0) throws -> ClientHandshake {
    ClientHandshake(with: agent, ephemeral: try clientEphemeral(), nonce: Array(repeating: nonce, count: 16))
  }

  static func accept(
    _ hello: ClientHello, by key: SigningKey, sid: UInt8 = 0, lifetime: Int64 = 3600
  ) throws -> (ServerHello, ServerSession) {
    try ServerHandshake.accept(
      hello, agentKey: key, now: now, lifetime: lifetime,
      sid: SessionID(bytes: Array(repeating: sid, count: 16))!,
      ephemeral: .init(rawRepresentation: Array(33...64)))
  }

  /// A call with any content, sealed as the client would.
  func call(_ plaintext: [UInt8], sequence: UInt64 = 1) -> [UInt8] {
    let sid = server.sid.text
    return plaintext.withUnsafeBytes {
      AEAD.seal(
        $0, key: keys.clientToServer, counter: sequence,
        additional: AEAD.requestData(sid: sid, sequence: sequence)
      ) { CallRequest.encoded(sid: sid, sequence: sequence, sealed: $0) }
    }
  }

  /// Opens a call at the server's end.
  func open(_ body: [UInt8], now: Int64 = now) throws -> OpenedCall {
    try server.open(try CallRequest(body), now: now)
  }

  /// A call that was made, opened, and can now be answered.
  func exchange() throws -> (opener: ResponseOpener, sealer: ResponseSealer) {
    let (body, opener) = client.seal(.models)
    return (opener, try open(body).sealer)
  }
}

extension InnerRequest {
  static let models = InnerRequest(method: "GET", path: "/models")

  init(_ text: [UInt8]) throws { self = try text.withUnsafeBytes { try InnerRequest(parsing: $0) } }
}

extension InnerResponse {
  init(_ text: [UInt8]) throws { self = try text.withUnsafeBytes { try InnerResponse(parsing: $0) } }
}

extension ClientHello {
  init(_ text: [UInt8]) throws { self = try text.withUnsafeBytes { try ClientHello(parsing: $0) } }
}

extension ServerHello {
  init(_ text: [UInt8]) throws { self = try text.withUnsafeBytes { try ServerHello(parsing: $0) } }
}

extension CallRequest {
  init(_ text: [UInt8]) throws { self = try text.withUnsafeBytes { try CallRequest(parsing: $0) } }
}

extension ResponseSealer {
  func frame(_ plaintext: String, isLast: Bool = false) throws -> [UInt8] {
    try Array(plaintext.utf8).withUnsafeBytes { try seal($0, isLast: isLast) }
  }
}

extension ResponseOpener {
  mutating func text(of frame: [UInt8]) throws -> String {
    String(decoding: try frame.withUnsafeBytes { try open($0) }, as: UTF8.self)
  }
}

func hex(_ bytes: some Collection<UInt8>) -> String { String(decoding: Hex.encode(bytes), as: UTF8.self) }

/// An object of JSON made of members that are JSON already, so that a test can write any of them wrongly.
struct RawJSON {
  var members: [(key: String, value: String)]

  init(_ members: KeyValuePairs<String, String>) { self.members = members.map { ($0.key, $0.value) } }

  /// The same with one member changed, or left out for nil.
  func with(_ key: String, _ value: String?) -> RawJSON {
    var copy = self
    copy.members.removeAll { $0.key == key }
    if let value { copy.members.append((key, value)) }
    return copy
  }

  var bytes: [UInt8] {
    Array("{\(members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ","))}".utf8)
  }
}

/// A value of JSON that is longer than any message needs, of everything that JSON has.
enum LongJSON {
  static let text =
    "["
    + Array(repeating: #"{"a":[0,-1.5e3,null,{}],"é\n":"\"é\ud800"},[[]]"#, count: 4000)
    .joined(separator: ",") + "]"
}

/// Texts that no message is.
enum Garbage {
  static let texts: [[UInt8]] = {
    let short = ["", " ", "null", "true", "1", "\"a\"", "[]", "{}", "{", "}", "{\"v\"", "{\"v\":1", "{}{}"]
    var texts = short.map { [UInt8]($0.utf8) }
    texts += [[0], [0xff, 0xfe], [0xef, 0xbb, 0xbf], [UInt8](repeating: 0, count: 1000)]
    texts.append([UInt8](repeating: UInt8(ascii: "["), count: 100_000))
    texts.append([UInt8](String(repeating: "{\"a\":", count: 50_000).utf8))
    texts.append([UInt8](repeating: UInt8(ascii: "\""), count: 99_999))
    return texts
  }()

  /// What becomes of a message on a bad day: cut at every place, followed by something, in another encoding, with
  /// a byte that UTF-8 has not, or with a member that nests too deep.
  static func ruins(of message: [UInt8]) -> [[UInt8]] {
    let text = String(decoding: message, as: UTF8.self)
    let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
    let open = [UInt8](message.dropLast())
    var ruins = (0..<message.count).map { [UInt8](message[..<$0]) }
    ruins.append(message + [UInt8(ascii: "}")])
    ruins.append(message + message)
    ruins.append(message + [0xff])
    ruins.append(open + [UInt8](",\"x\":\"\u{0}\"}".utf8))
    ruins.append(open + [UInt8](",\"x\":\"".utf8) + [0xc3, 0x28] + [UInt8]("\"}".utf8))
    ruins.append(open + [UInt8](",\"x\":\(deep)}".utf8))
    for encoding in [String.Encoding.utf16, .utf16LittleEndian, .utf16BigEndian, .utf32, .utf32BigEndian] {
      if let data = text.data(using: encoding) { ruins.append([UInt8](data)) }
    }
    return ruins
  }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  /// Text with characters that JSON escapes, and some of every width in UTF-8.
  mutating func text(upTo limit: Int) -> String {
    let alphabet = Array("aZ09 /\\\"{}[]:,%&=?\u{1}\u{1f}\u{7f}\n\r\t\u{8}\u{c}é‿😀\u{2028}")
    return String(
      (0..<Int.random(in: 0...limit, using: &self)).map { _ in alphabet.randomElement(using: &self)! })
  }
}
