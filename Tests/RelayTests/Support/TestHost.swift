import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Relay

/// A host's end of a tunnel, in the hands of a test.
struct TestHost {
  enum Event: Sendable {
    case frame(RelayFrame)
    /// The relay closes, with this code.
    case closing(code: Int, reason: String)
    /// The socket is gone.
    case gone
  }

  /// The relay did not let it in, and answered so.
  struct Refused: Error, Equatable {
    let status: UInt
    let body: String
  }

  /// Something else came than the test waits for.
  struct Unexpected: Error { let event: String }

  let channel: any Channel
  private var iterator: AsyncStream<Inbox<WebSocketFrame>.Event>.Iterator
  /// The challenge that came first.
  private(set) var nonce: TunnelNonce?
  private(set) var features: TunnelFeatures = []

  /// Opens the socket, and takes the first challenge.
  static func connect(
    _ lab: RelayLab, name: String = RelayLab.domain, headers: HTTPHeaders = [:], tls: NIOSSLContext? = nil
  ) async throws -> TestHost {
    let (channel, events) = try await socket(lab.port, name, headers, tls)
    var host = TestHost(channel: channel, iterator: events.makeAsyncIterator())
    guard case .frame(.challenge(let nonce, let features)) = try await host.next() else {
      throw Unexpected(event: "no challenge")
    }
    (host.nonce, host.features) = (nonce, features)
    return host
  }

  /// Opens a tunnel for the agents of these keys.
  static func authenticated(
    _ lab: RelayLab, _ keys: [SigningKey], features: TunnelFeatures = [.base64, .cancel, .flow],
    tls: NIOSSLContext? = nil
  ) async throws -> TestHost {
    var host = try await connect(lab, tls: tls)
    try await host.authenticate(keys, features: features)
    guard case .frame(.authenticated(let agents, let rejected)) = try await host.next(),
      agents.map(\.address) == keys.map(\.address), rejected.isEmpty
    else { throw Unexpected(event: "no auth_ok for all agents") }
    return host
  }

  private init(channel: any Channel, iterator: AsyncStream<Inbox<WebSocketFrame>.Event>.Iterator) {
    self.channel = channel
    self.iterator = iterator
  }

  // MARK: Saying

  func authenticate(
    _ keys: [SigningKey], at time: Int64 = Int64(Date().timeIntervalSince1970),
    nonce other: TunnelNonce? = nil,
    features: TunnelFeatures = []
  ) async throws {
    guard let nonce = other ?? nonce else { throw Unexpected(event: "no challenge") }
    try await say(
      .auth(
        TunnelAuthentication(
          agents: keys.map { AgentProof(by: $0, nonce: nonce, timestamp: time) }, nonce: nonce,
          timestamp: time,
          features: features)))
  }

  func say(_ frame: HostFrame) async throws { try await say(frame.encoded) }
  func say(_ text: String) async throws { try await say(ByteBuffer(string: text)) }

  func say(_ message: ByteBuffer, opcode: WebSocketOpcode = .text) async throws {
    try await channel.writeAndFlush(
      WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: message)
    ).get()
  }

  func close() async { try? await channel.close() }

  // MARK: Hearing

  /// What happens next. Questions whether the host is there are answered.
  mutating func next(answeringPings: Bool = true) async throws -> Event {
    while let event = await iterator.next() {
      guard case .part(let frame) = event else { continue }
      switch frame.opcode {
      case .text:
        let frame = try RelayFrame(frame.data)
        if answeringPings, case .ping(let time) = frame {
          try? await say(.pong(time))
          continue
        }
        return .frame(frame)
      case .connectionClose:
        var data = frame.data
        let code = data.readInteger(as: UInt16.self).map(Int.init) ?? 1005
        return .closing(code: code, reason: String(buffer: data))
      default: continue
      }
    }
    return .gone
  }

  /// The next frame.
  mutating func frame() async throws -> RelayFrame {
    let event = try await next()
    guard case .frame(let frame) = event else { throw Unexpected(event: "\(event)") }
    return frame
  }

  /// The next request.
  mutating func request() async throws -> RelayRequest {
    let frame = try await frame()
    guard case .request(let request) = frame else { throw Unexpected(event: "\(frame)") }
    return request
  }

  /// With which code and reason the relay closes, after nothing else but what it has to say before.
  mutating func closing() async throws -> String {
    var said = ""
    while true {
      switch try await next() {
      case .frame(.authError(let code)), .frame(.error(let code)): said += "\(code.rawValue) "
      case .frame(let frame): throw Unexpected(event: "\(frame)")
      case .closing(let code, _): return said + "\(code)"
      case .gone: return said + "gone"
      }
    }
  }

  // MARK: The socket

  private enum Upgrade: Sendable {
    case upgraded(any Channel, AsyncStream<Inbox<WebSocketFrame>.Event>)
    case refused(any Channel, AsyncStream<Inbox<HTTPClientResponsePart>.Event>)
  }

  private static func socket(
    _ port: Int, _ name: String, _ headers: HTTPHeaders, _ tls: NIOSSLContext?
  ) async throws -> (any Channel, AsyncStream<Inbox<WebSocketFrame>.Event>) {
    var fields: HTTPHeaders = ["Host": name, "Content-Length": "0"]
    fields.add(contentsOf: headers)
    let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/tunnel/connect", headers: fields)
    let upgrade = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(
              NIOSSLClientHandler(context: tls, serverHostname: RelayLab.domain))
          }
          let upgrader = NIOTypedWebSocketClientUpgrader<Upgrade>(maxFrameSize: 64 << 20) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
              let inbox = Inbox<WebSocketFrame>()
              try channel.pipeline.syncOperations.addHandler(inbox)
              return Upgrade.upgraded(channel, inbox.events)
            }
          }
          var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
            upgradeConfiguration: .init(upgradeRequestHead: head, upgraders: [upgrader]) { channel in
              channel.eventLoop.makeCompletedFuture {
                let inbox = Inbox<HTTPClientResponsePart>()
                try channel.pipeline.syncOperations.addHandler(inbox)
                return Upgrade.refused(channel, inbox.events)
              }
            })
          // The first challenge may come in one piece with the answer to the upgrade.
          configuration.leftOverBytesStrategy = .forwardBytes
          return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
            configuration: configuration)
        }
      }.get()
    switch upgrade {
    case .upgraded(let channel, let events): return (channel, events)
    case .refused(let channel, let events):
      var (status, body): (UInt, String) = (0, "")
      loop: for await event in events {
        switch event {
        case .part(.head(let head)): status = head.status.code
        case .part(.body(let bytes)): body += String(buffer: bytes)
        case .part(.end), .failed, .closed: break loop
        }
      }
      try? await channel.close()
      throw Refused(status: status, body: body)
    }
  }
}
