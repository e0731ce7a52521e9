import AsyncHTTPClient
import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import Relay
import Testing

@testable import Host

/// Whether requests to an agent's public URL arrive here, where whoever answers there does not mean well.
@Suite("Whether a public URL leads here", .timeLimit(.minutes(5)))
struct RouteProbesTests {
  /// Answers with a head that promises a body, and never sends it.
  private final class Endless: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let prefix: String
    private let proof: @Sendable (String) -> String?

    init(prefix: String, proof: @escaping @Sendable (String) -> String?) {
      (self.prefix, self.proof) = (prefix, proof)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      guard case .head(let head) = unwrapInboundIn(data) else { return }
      var headers: HTTPHeaders = ["content-length": "1000"]
      if let proof = self.proof(String(head.uri.dropFirst(prefix.count))) {
        headers.add(name: RouteProbes.header, value: proof)
      }
      context.writeAndFlush(
        wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers))),
        promise: nil)
    }
  }

  @Test("a body that never comes is not waited for", arguments: [true, false])
  func endlessBody(isOurs: Bool) async throws {
    let agent = try MasterKey.generate().address
    let prefix = "/a/\(agent.lowercased)"
    let probes = RouteProbes(pause: { _ in })
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(
            Endless(prefix: prefix) { isOurs ? probes.answer(to: $0) : "something" })
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(server.localAddress?.port)
    let relay = try RelayURL("ws://127.0.0.1:\(port)")
    let url = try #require(AgentURL("http://127.0.0.1:\(port)\(prefix)", of: agent, at: relay))
    let client = HTTPClient(eventLoopGroupProvider: .singleton)
    let failure = await probes.failure(at: url, with: client)
    #expect(failure == (isOurs ? nil : "something else answers there, with status 200"))
    try await client.shutdown()
    try await server.close()
  }
}
