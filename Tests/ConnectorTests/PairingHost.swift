import AsyncHTTPClient
import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

@testable import Connector
@testable import Pairing

/// A host on a real socket that answers pairing, honestly or not.
final class PairingHost: Sendable {
  /// What a request is answered with.
  enum Reaction: Sendable {
    case answer(status: Int, headers: [(String, String)] = [], body: [UInt8])
    /// The connection is closed without a word.
    case cut
    /// Nothing, until the client goes away.
    case silence

    static func refusal(_ status: Int, _ message: String) -> Reaction {
      .answer(status: status, body: Array(#"{"error":"\#(message)"}"#.utf8))
    }
  }

  typealias React = @Sendable (PairingHost, _ request: PairingRequest) throws -> Reaction

  let agent: SigningKey
  let agentID = UUID()
  let nonce: PairingNonce
  private let challenge: Reaction?
  private let react: React
  private let bodies = Mutex<[[UInt8]]>([])
  private let port = Mutex(0)

  private init(nonce: PairingNonce, challenge: Reaction?, _ react: @escaping React) throws {
    agent = try MasterKey.generate().agentKey(AgentIndex(rawValue: 0))
    self.nonce = nonce
    self.challenge = challenge
    self.react = react
  }

  /// The bodies of the requests that came, in order.
  var requests: [[UInt8]] { bodies.withLock { $0 } }

  var url: String { "http://127.0.0.1:\(port.withLock { $0 })" }

  func key(by signer: SigningKey? = nil) -> MintedAccessKey {
    AccessKeyMint.mint(
      by: signer ?? agent, label: "Paired", counter: 1, expiry: .days90,
      issuedAt: Int64(Date().timeIntervalSince1970), nonce: UUID())
  }

  /// What an honest host answers, with members of its JSON replaced; nil takes one out.
  func honest(
    _ request: PairingRequest, key: MintedAccessKey? = nil, signedBy signer: SigningKey? = nil,
    _ changes: [String: Any?] = [:]
  ) throws -> Reaction {
    let answer = try PairingAnswer(
      to: request.verified(), key: key ?? self.key(), isPermanent: false, signedBy: signer ?? agent)
    var members = try JSONSerialization.jsonObject(with: Data(answer.encoded())) as? [String: Any] ?? [:]
    for (key, value) in changes { members[key] = value }
    return .answer(status: 200, body: [UInt8](try JSONSerialization.data(withJSONObject: members)))
  }

  /// Runs a host while `body` uses it.
  /// - Parameter challenge: what `/pair/challenge` is answered with; nil for the nonce.
  static func run(
    nonce: PairingNonce = .make(), challenge: Reaction? = nil, _ react: @escaping React,
    _ body: (PairingHost, HTTPClient) async throws -> Void
  ) async throws {
    let host = try PairingHost(nonce: nonce, challenge: challenge, react)
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(PairingVisit(host))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    host.port.withLock { $0 = server.localAddress?.port ?? 0 }
    let http = HTTPClient.forPeers()
    let result: Result<Void, any Error>
    do { result = .success(try await body(host, http)) } catch { result = .failure(error) }
    try await http.shutdown()
    try await server.close()
    try result.get()
  }

  /// Takes one request and says what is done with it.
  fileprivate func take(_ path: String, _ body: [UInt8]) throws -> Reaction {
    if path == "/pair/challenge" { return challenge ?? .answer(status: 200, body: nonce.challenge) }
    bodies.withLock { $0.append(body) }
    return try react(self, try body.withUnsafeBytes { try PairingRequest(parsing: $0) })
  }
}

/// One connection.
private final class PairingVisit: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let host: PairingHost
  private var path = ""
  private var body: [UInt8] = []

  init(_ host: PairingHost) { self.host = host }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): (path, body) = (head.uri, [])
    case .body(let piece): body += piece.readableBytesView
    case .end:
      switch try? host.take(path, body) {
      case nil, .cut: context.close(promise: nil)
      case .silence: break
      case .answer(let status, let headers, let body):
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status))
        head.headers.add(contentsOf: headers + [("content-length", "\(body.count)")])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      }
    }
  }
}
