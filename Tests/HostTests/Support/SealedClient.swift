import Crypto
import Foundation
import Identity
import Testing

@testable import SecureChannel

/// A client of the secure channel over a real connection, which can also send what no client should.
struct SealedClient: Sendable {
  let session: ClientSession
  let wire: WireClient
  private let keys: SessionKeys

  /// Opens a session with an agent.
  static func open(
    with agent: Address, over wire: WireClient, now: Int64 = TestHost.now
  ) async throws -> SealedClient {
    let ephemeral = Curve25519.KeyAgreement.PrivateKey()
    let handshake = ClientHandshake(with: agent, ephemeral: ephemeral)
    let answer = try await wire.ask("POST", "/secure/session", handshake.hello.encoded())
    guard answer.status == 200 else { throw WireAnswer.Malformed(text: answer.text) }
    let hello = try answer.body.withUnsafeBytes { try ServerHello(parsing: $0) }
    let transcript = try Transcript(
      hello: handshake.hello, sid: hello.sid, serverKey: hello.encPub, expiresAt: hello.expiresAt)
    return SealedClient(
      session: try handshake.finish(hello, now: now), wire: wire,
      keys: SessionKeys(shared: try SessionKeys.agree(ephemeral, with: hello.encPub), transcript: transcript))
  }

  // MARK: As a client does

  /// Asks, and opens an answer that is one frame.
  func ask(
    _ method: String, _ path: String, key: String? = nil, body: String? = nil,
    headers: [String: String]? = nil
  ) async throws -> (status: Int, text: String, outer: WireAnswer) {
    let request = InnerRequest(
      method: method, path: path, authorization: key.map { "Bearer \($0)" }, headers: headers,
      body: body.map { Array($0.utf8) })
    let (call, opener) = session.seal(request)
    let outer = try await wire.ask("POST", "/secure/call", call)
    var reader = opener
    let inner = try outer.body.withUnsafeBytes { try reader.openBuffered($0) }
    return (inner.status, String(decoding: inner.body ?? [], as: UTF8.self), outer)
  }

  /// Asks for a stream, and opens every frame of it.
  func stream(
    _ path: String, key: String, body: String? = nil, headers: [String] = ["Accept: text/event-stream"]
  ) async throws -> (pieces: [String], isFinished: Bool, outer: WireAnswer) {
    let request = InnerRequest(
      method: "POST", path: path, authorization: "Bearer \(key)", accept: "text/event-stream",
      body: body.map { Array($0.utf8) })
    let (call, opener) = session.seal(request)
    let outer = try await wire.ask("POST", "/secure/call", call, headers: headers)
    var (reader, decoder) = (opener, EventStreamDecoder())
    let pieces = try decoder.feed(outer.body).map { frame in
      String(decoding: try frame.withUnsafeBytes { try reader.open($0) }, as: UTF8.self)
    }
    return (pieces, reader.isFinished, outer)
  }

  // MARK: As no client should

  /// A call with any content and any number.
  func call(_ plaintext: [UInt8], sequence: UInt64) -> [UInt8] {
    plaintext.withUnsafeBytes {
      AEAD.seal(
        $0, key: keys.clientToServer, counter: sequence,
        additional: AEAD.requestData(sid: session.sid, sequence: sequence)
      ) { CallRequest.encoded(sid: session.sid, sequence: sequence, sealed: $0) }
    }
  }

  func call(_ request: InnerRequest, sequence: UInt64) -> [UInt8] {
    call(request.encoded(), sequence: sequence)
  }

  /// Sends bytes as a call; gives status and code of the refusal, or 200 and nil.
  func post(_ body: [UInt8]) async throws -> Outcome {
    Outcome(try await wire.ask("POST", "/secure/call", body))
  }

  /// Sends bytes as a call, and expects this of it.
  func post(
    _ body: [UInt8], gives expected: Outcome, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let outcome = try await post(body)
    #expect(
      outcome == expected, "\(String(decoding: body.prefix(300), as: UTF8.self))",
      sourceLocation: sourceLocation)
  }

  struct Outcome: Hashable {
    let status: Int
    var code: String?
    var message: String?

    static let done = Outcome(status: 200)
    static let malformed = Outcome(
      status: 400, code: "secure_malformed", message: "Malformed secure call")
    static let malformedInside = Outcome(
      status: 400, code: "secure_malformed", message: "Malformed inner request")
    static let undecryptable = Outcome(
      status: 400, code: "secure_decrypt_failed", message: "Decryption failed")
    static let unknownSession = Outcome(
      status: 401, code: "secure_session_unknown", message: "Unknown or expired secure session")
    static let replayed = Outcome(
      status: 409, code: "secure_replay", message: "Replayed secure call rejected")
  }
}

extension SealedClient.Outcome {
  init(_ answer: WireAnswer) {
    let detail = answer.json["error"] as? [String: Any]
    self.init(
      status: answer.status, code: detail?["code"] as? String, message: detail?["message"] as? String)
  }
}
