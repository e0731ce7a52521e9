import Crypto
import Foundation
import Identity
import SecretMemory
import Testing

@testable import SecureChannel

/// One recorded conversation of the original implementation.
struct RecordedChannel: Decodable {
  struct Call: Decodable {
    let call: String
    let frames: [String]
    let inner: String
    let plaintexts: [String]
    let seq: UInt64
  }
  let agentMaster: String
  let agentIndex: UInt32
  let clientEphemeralPrivate: String
  let clientHello: String
  let serverHello: String
  let transcript: String
  let calls: [Call]

  static func load() throws -> RecordedChannel {
    struct File: Decodable { let secureChannel: RecordedChannel }
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Fixtures/vectors/osaurus-v1.json").standardized
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(File.self, from: Data(contentsOf: file)).secureChannel
  }

  func agentKey() throws -> SigningKey {
    var entropy = try #require(Hex.decode(agentMaster))
    return try MasterKey(entropy: SecretBytes(taking: &entropy)).agentKey(AgentIndex(rawValue: agentIndex))
  }

  func handshake() throws -> (ClientHandshake, ClientHello) {
    let hello = try Array(clientHello.utf8).withUnsafeBytes { try ClientHello(parsing: $0) }
    let ephemeral = try Curve25519.KeyAgreement.PrivateKey(
      rawRepresentation: try #require(Hex.decode(clientEphemeralPrivate)))
    let nonce = try #require(Base64URL.decode(hello.nonce))
    return (ClientHandshake(with: try agentKey().address, ephemeral: ephemeral, nonce: nonce), hello)
  }

  func clientSession() throws -> ClientSession {
    let answer = try Array(serverHello.utf8).withUnsafeBytes { try ServerHello(parsing: $0) }
    return try handshake().0.finish(answer, now: answer.expiresAt - 3600)
  }
}

@Suite("Known answers of the secure channel")
struct KnownAnswerTests {
  private let recorded: RecordedChannel

  init() throws { recorded = try RecordedChannel.load() }

  @Test("the client's hello is the recorded one, byte for byte")
  func clientHello() throws {
    let (handshake, hello) = try recorded.handshake()
    #expect(handshake.hello == hello)
    #expect(String(decoding: handshake.hello.encoded(), as: UTF8.self) == recorded.clientHello)
  }

  @Test("the transcript is the recorded one")
  func transcript() throws {
    let answer = try Array(recorded.serverHello.utf8).withUnsafeBytes { try ServerHello(parsing: $0) }
    let transcript = try Transcript(
      hello: recorded.handshake().1, sid: answer.sid, serverKey: answer.encPub, expiresAt: answer.expiresAt)
    #expect(String(decoding: transcript.bytes, as: UTF8.self) == recorded.transcript)
    #expect(
      try recorded.agentKey().sign(transcript.bytes, in: .secureChannel).prefixedHex == answer.signature)
    #expect(String(decoding: answer.encoded(), as: UTF8.self) == recorded.serverHello)
  }

  @Test("every recorded answer opens to what was said, and ends")
  func frames() throws {
    let session = try recorded.clientSession()
    for call in recorded.calls {
      var (_, opener) = session.seal(InnerRequest(method: "GET", path: "/"))
      for (frame, plaintext) in zip(call.frames, call.plaintexts) {
        #expect(!opener.isFinished)
        let opened = try Array(frame.utf8).withUnsafeBytes { try opener.open($0) }
        #expect(String(decoding: opened, as: UTF8.self) == plaintext)
      }
      #expect(opener.isFinished)
    }
  }

  @Test("both ends of ours agree on the independent answers")
  func independent() throws {
    var entropy = try #require(Hex.decode("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
    let agentKey = try MasterKey(entropy: SecretBytes(taking: &entropy)).agentKey(AgentIndex(rawValue: 0))
    let client = ClientHandshake(
      with: agentKey.address, ephemeral: try .init(rawRepresentation: Array(1...32)), nonce: Array(0..<16))
    let (answer, server) = try ServerHandshake.accept(
      client.hello, agentKey: agentKey, now: 1_800_000_000 - 3600,
      sid: try #require(SessionID(bytes: Array(16..<32))),
      ephemeral: try .init(rawRepresentation: Array(33...64)))
    #expect(
      answer.signature
        == "0x4ae3c947a67e9e2da807db537ff1692419deb282bc4328c4d1a7b9fddfba22ce6cdbf82f8e17f3d5ff7373d4b621b88008210a7ffe3353cee1d4a516a293d2261c"
    )
    let session = try client.finish(answer, now: 1_800_000_000 - 3600)
    let call =
      #"{"ct":"Xu8-sdT75AM0zNhyjldZjmJ9O3K8ULg7vWTAVzIwR0HvQmIu8DweAPofyee_foUIjQ","seq":1,"sid":"EBESExQVFhcYGRobHB0eHw","v":1}"#
    var (body, opener) = session.seal(InnerRequest(method: "GET", path: "/models"))
    #expect(String(decoding: body, as: UTF8.self) == call)
    let opened = try Array(call.utf8).withUnsafeBytes {
      try server.open(try CallRequest(parsing: $0), now: 1_800_000_000 - 3600)
    }
    #expect(opened.request == InnerRequest(method: "GET", path: "/models"))
    let frame = try InnerResponse(status: 204).encoded().withUnsafeBytes {
      try opened.sealer.seal($0, isLast: true)
    }
    #expect(
      String(decoding: frame, as: UTF8.self)
        == #"{"ct":"meXQTnM3AUT79cbc-bwcu9D4973PJVXhrw3ADH2U","fin":true,"seq":0}"#)
    #expect(try frame.withUnsafeBytes { try opener.openBuffered($0) } == InnerResponse(status: 204))
  }

  @Test("a recorded inner request reads as what it says, escaped slashes and all")
  func innerRequest() throws {
    let request = try Array(recorded.calls[0].inner.utf8).withUnsafeBytes { try InnerRequest(parsing: $0) }
    #expect(request.method == "POST")
    #expect(request.path == "/agents/x/run?y=1")
    #expect(request.accept == "text/event-stream")
    #expect(request.contentType == "application/json")
    #expect(request.headers == ["X-Custom": "v"])
    #expect(request.body == Array("{\"n\":0}".utf8))
  }
}
