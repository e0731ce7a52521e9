import AsyncHTTPClient
import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import SecretMemory
import Synchronization

@testable import Connector
@testable import Pairing

/// A host on a real socket that answers invites, honestly or not.
final class InviteHost: Sendable {
  /// What a request is answered with.
  enum Reaction: Sendable {
    case answer(status: Int, headers: [(String, String)] = [], body: [UInt8])
    /// The connection is closed without a word.
    case cut
    /// Nothing, until the client goes away.
    case silence
  }

  typealias React = @Sendable (InviteHost, _ request: RedemptionRequest, _ number: Int) throws -> Reaction

  let agent: SigningKey
  private let react: React
  private let bodies = Mutex<[[UInt8]]>([])
  private let port = Mutex(0)

  private init(_ react: @escaping React) throws {
    agent = try MasterKey.generate().agentKey(AgentIndex(rawValue: 0))
    self.react = react
  }

  /// The bodies that came, in order.
  var requests: [[UInt8]] { bodies.withLock { $0 } }

  var url: String { "http://127.0.0.1:\(port.withLock { $0 })" }

  /// An invite of this host's agent.
  /// - Parameter bindsDetails: whether the agent signs name and URL, too.
  func invite(bindsDetails: Bool = true) throws -> VerifiedInvite {
    let details = try InviteDetails(name: "Ada", url: url)
    let end = Int64(Date().timeIntervalSince1970) + 600
    guard !bindsDetails else {
      return try Invite.make(
        by: agent, details, expiresAt: end, random: RandomBytes.make(InviteNonce.randomCount)
      ).verified(now: 0)
    }
    let nonce = InviteNonce(Base64URL.string(RandomBytes.make(32)))!
    return try Invite.make(by: agent, details, expiresAt: end, nonce: nonce).verified(now: 0)
  }

  func peer() throws -> Peer { try Peer(name: "Ada", url: url, address: agent.address) }

  func key(by signer: SigningKey? = nil) -> MintedAccessKey {
    AccessKeyMint.mint(
      by: signer ?? agent, label: "Invite", counter: 1, expiry: .year,
      issuedAt: Int64(Date().timeIntervalSince1970), nonce: UUID())
  }

  /// What an honest host answers, with members of its JSON replaced; nil takes one out.
  func honest(
    _ request: RedemptionRequest, key: MintedAccessKey? = nil, signedBy signer: SigningKey? = nil,
    _ changes: [String: Any?] = [:]
  ) throws -> Reaction {
    let answer = try RedemptionAnswer(
      to: request, details: request.invite.details, key: key ?? self.key(), signedBy: signer ?? agent)
    var members = try JSONSerialization.jsonObject(with: Data(answer.encoded())) as? [String: Any] ?? [:]
    for (key, value) in changes { members[key] = value }
    return .answer(status: 200, body: [UInt8](try JSONSerialization.data(withJSONObject: members)))
  }

  /// Runs a host while `body` uses it.
  static func run(
    _ react: @escaping React, _ body: (InviteHost, HTTPClient) async throws -> Void
  ) async throws {
    let host = try InviteHost(react)
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(Visit(host))
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
  fileprivate func take(_ body: [UInt8]) throws -> Reaction {
    let number = bodies.withLock { bodies in
      bodies.append(body)
      return bodies.count
    }
    return try react(self, try body.withUnsafeBytes { try RedemptionRequest(parsing: $0) }, number)
  }
}

/// One connection.
private final class Visit: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let host: InviteHost
  private var body: [UInt8] = []

  init(_ host: InviteHost) { self.host = host }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head: body = []
    case .body(let piece): body += piece.readableBytesView
    case .end:
      switch try? host.take(body) {
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
