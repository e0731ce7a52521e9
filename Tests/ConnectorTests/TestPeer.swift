import AsyncHTTPClient
import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import SecretMemory
import SecureChannel
import Synchronization

@testable import Connector

/// A peer on a real socket that does to one client what a test wants done.
final class TestPeer: Sendable {
  /// How an answer's stream ends.
  enum Ending: Sendable {
    /// With its authenticated end.
    case fin
    /// In the middle of the body, the connection with it.
    case cut
    /// As HTTP ends a body, without the authenticated end.
    case withoutFin
    /// With its authenticated end, after which more bytes come.
    case finAndMore
    /// Not before the client goes away.
    case whenClientLeaves
  }

  /// What a request is answered with.
  enum Reaction: Sendable {
    /// One sealed piece.
    case whole(status: Int, contentType: String?, body: [UInt8])
    /// One sealed piece, which somebody on the way hands on as a stream.
    case wholeAsStream(status: Int, body: [UInt8])
    /// Sealed events.
    case stream([String], Ending, mangle: @Sendable (Int, [UInt8]) -> [UInt8] = { $1 })
    /// An answer from outside of the channel.
    case plain(status: Int, headers: [(String, String)] = [], body: [UInt8] = [])
    /// The connection is closed without a word.
    case cut
    /// What an honest peer does.
    case honest
  }

  typealias Call = @Sendable (InnerRequest) async -> Reaction
  typealias Handshake = @Sendable (_ number: Int) async -> Reaction

  private struct State {
    var sessions: [SessionID: ServerSession] = [:]
    var handshakes = 0
    var posts: [String] = []
    var requests: [InnerRequest] = []
    var callSizes: [Int] = []
    var wire: [UInt8] = []
  }

  let agent: SigningKey
  let keyText: String
  /// Yields whenever a connection has ended.
  let departures: AsyncStream<Void>
  private let departed: AsyncStream<Void>.Continuation
  private let state = Mutex(State())
  private let manner: Manner
  private let address: Mutex<SocketAddress?> = Mutex(nil)

  private init(_ manner: Manner) throws {
    agent = try MasterKey.generate().agentKey(AgentIndex(rawValue: 0))
    keyText = AccessKeyMint.mint(
      by: agent, label: nil, counter: 1, expiry: .never, issuedAt: 0, nonce: UUID()
    ).withText { $0 }
    (departures, departed) = AsyncStream.makeStream()
    self.manner = manner
  }

  // MARK: What was seen

  var handshakes: Int { state.withLock { $0.handshakes } }
  /// The paths that were asked for.
  var posts: [String] { state.withLock { $0.posts } }
  /// What was opened.
  var requests: [InnerRequest] { state.withLock { $0.requests } }
  /// How long the bodies of calls were.
  var callSizes: [Int] { state.withLock { $0.callSizes } }
  /// Every byte of every connection, both ways.
  var wire: [UInt8] { state.withLock { $0.wire } }

  func forgetSessions() { state.withLock { $0.sessions = [:] } }

  // MARK: Asking it

  func url(_ prefix: String = "") -> String {
    "http://127.0.0.1:\(address.withLock { $0?.port ?? 0 })\(prefix)"
  }

  func key() throws -> PeerKey { try PeerKey(SecretBytes(copyingText: keyText)) }

  /// - Parameters:
  ///   - isPadded: whether what is sealed is to be padded.
  ///   - before: a place that is tried before this one.
  func client(
    _ http: HTTPClient, pinned: Address? = nil, isPadded: Bool = false, prefix: String = "",
    limits: PeerLimits = PeerLimits(),
    before: String? = nil, onHandshake: @escaping @Sendable (Peer.Handshake) -> Void = { _ in },
    now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
  ) throws -> PeerClient {
    let peer = try Peer(
      name: "test", url: before ?? url(prefix), relayURL: before == nil ? nil : url(prefix),
      address: pinned ?? agent.address)
    return PeerClient(
      peer: peer.padded(isPadded), key: try key(), client: http, limits: limits, now: now,
      onHandshake: onHandshake)
  }

  // MARK: Serving

  /// What a peer does with requests.
  struct Manner: Sendable {
    var lifetime: Int64 = 3600
    /// Whether it knows of padding.
    var offersPadding = false
    var onHandshake: Handshake = { _ in .honest }
    var onCall: Call = { _ in .honest }

    /// Runs a peer of this manner while `body` uses it.
    func run(_ body: (TestPeer, HTTPClient) async throws -> Void) async throws {
      try await TestPeer.run(TestPeer(self), body)
    }
  }

  static func onCall(_ call: @escaping Call) -> Manner { Manner(onCall: call) }
  static func onHandshake(_ handshake: @escaping Handshake) -> Manner { Manner(onHandshake: handshake) }

  static func run(
    lifetime: Int64 = 3600, _ body: (TestPeer, HTTPClient) async throws -> Void
  ) async throws {
    try await Manner(lifetime: lifetime).run(body)
  }

  private static func run(
    _ peer: TestPeer, _ body: (TestPeer, HTTPClient) async throws -> Void
  ) async throws {
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(
            WireTap { buffer in
              peer.state.withLock { $0.wire += buffer.readableBytesView }
            })
          try pipeline.configureHTTPServerPipeline()
          return try NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>(
            wrappingChannelSynchronously: channel)
        }
      }
    peer.address.withLock { $0 = server.channel.localAddress }
    let http = HTTPClient.forPeers()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await server.executeThenClose { connections in
          try await withThrowingDiscardingTaskGroup { group in
            for try await connection in connections {
              group.addTask { try? await peer.serve(connection) }
            }
          }
        }
      }
      let result: Result<Void, any Error>
      do { result = .success(try await body(peer, http)) } catch { result = .failure(error) }
      try await http.shutdown()
      group.cancelAll()
      while let done = await group.nextResult() { _ = done }
      try result.get()
    }
  }

  private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>
  private typealias Inbound = NIOAsyncChannelInboundStream<HTTPServerRequestPart>.AsyncIterator

  private func serve(_ connection: Connection) async throws {
    // Also when the client goes in the middle of what is written to it.
    defer { departed.yield() }
    try await connection.executeThenClose { inbound, _ in
      let channel = connection.channel
      var parts = inbound.makeAsyncIterator()
      var path = ""
      var body = ByteBuffer()
      while let part = try await parts.next() {
        switch part {
        case .head(let head):
          path = head.uri
          body.clear()
        case .body(let piece): body.writeImmutableBuffer(piece)
        case .end:
          state.withLock { $0.posts.append(path) }
          let isOpen =
            path.hasSuffix("/secure/session")
            ? try await openSession(body, channel) : try await call(body, channel, &parts)
          if !isOpen { return }
        }
      }
    }
  }

  private func openSession(_ body: ByteBuffer, _ channel: any Channel) async throws -> Bool {
    let number = state.withLock { state in
      state.handshakes += 1
      return state.handshakes
    }
    switch await manner.onHandshake(number) {
    case .plain(let status, let headers, let body):
      try await write(status, headers, body, channel)
      return true
    case .cut: return false
    default:
      var hello = try body.withUnsafeReadableBytes { try ClientHello(parsing: $0) }
      if hello.agent != agent.address {
        // An impostor answers for whoever is asked for.
        let text = String(decoding: hello.encoded(), as: UTF8.self)
          .replacing(hello.agentAddress, with: agent.address.lowercased)
        hello = try Array(text.utf8).withUnsafeBytes { try ClientHello(parsing: $0) }
      }
      let now = Int64(Date().timeIntervalSince1970)
      let (answer, session) = try ServerHandshake.accept(
        hello, agentKey: agent, now: now, lifetime: manner.lifetime)
      state.withLock { $0.sessions[session.sid] = session }
      try await write(200, [("content-type", "application/json")], answer.encoded(), channel)
      return true
    }
  }

  private func call(_ body: ByteBuffer, _ channel: any Channel, _ parts: inout Inbound) async throws -> Bool {
    let sealed = try body.withUnsafeReadableBytes { try CallRequest(parsing: $0) }
    guard let session = state.withLock({ state in sealed.session.flatMap { state.sessions[$0] } }) else {
      let text =
        #"{"error":{"code":"secure_session_unknown","message":"Unknown","type":"secure_channel_error"}}"#
      try await write(401, [], Array(text.utf8), channel)
      return true
    }
    let opened = try session.open(sealed, now: Int64(Date().timeIntervalSince1970))
    state.withLock {
      $0.requests.append(opened.request)
      $0.callSizes.append(body.readableBytes)
    }
    let padding = manner.offersPadding && opened.asksForPadding ? Padding.version : nil
    switch await manner.onCall(opened.request) {
    case .plain(let status, let headers, let body): try await write(status, headers, body, channel)
    case .cut: return false
    case .honest:
      try await whole(200, "application/json", opened.request.body ?? [], padding, opened.sealer, channel)
    case .whole(let status, let contentType, let body):
      try await whole(status, contentType, body, padding, opened.sealer, channel)
    case .wholeAsStream(let status, let body):
      let inner = InnerResponse(status: status, contentType: "application/json", body: body, padding: padding)
      let frame = try inner.encoded().withUnsafeBytes { try opened.sealer.seal($0, isLast: true) }
      let event = Array("data: ".utf8) + frame + Array("\n\n".utf8)
      try await write(200, [("content-type", "text/event-stream")], event, channel)
    case .stream(let pieces, let ending, let mangle):
      return try await stream(pieces, ending, mangle, opened.sealer, channel, &parts)
    }
    return true
  }

  private func whole(
    _ status: Int, _ contentType: String?, _ body: [UInt8], _ padding: Int?, _ sealer: ResponseSealer,
    _ channel: any Channel
  ) async throws {
    let inner = InnerResponse(status: status, contentType: contentType, body: body, padding: padding)
      .encoded()
    let frame = try inner.withUnsafeBytes { try sealer.seal($0, isLast: true) }
    try await write(200, [("content-type", "application/json; charset=utf-8")], frame, channel)
  }

  private func stream(
    _ pieces: [String], _ ending: Ending, _ mangle: (Int, [UInt8]) -> [UInt8], _ sealer: ResponseSealer,
    _ channel: any Channel, _ parts: inout Inbound
  ) async throws -> Bool {
    let headers: HTTPHeaders = ["content-type": "text/event-stream", "transfer-encoding": "chunked"]
    try await send(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)), channel)
    for (index, piece) in pieces.enumerated() {
      let event = try Array(piece.utf8).withUnsafeBytes { try sealer.sealEvent($0, isLast: false) }
      try await send(.body(.byteBuffer(ByteBuffer(bytes: mangle(index, event)))), channel)
    }
    let end = try sealer.sealEvent(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true)
    switch ending {
    case .cut: return false
    case .whenClientLeaves:
      while (try? await parts.next()) != nil {}
      return false
    case .withoutFin: break
    case .fin, .finAndMore:
      try await send(.body(.byteBuffer(ByteBuffer(bytes: mangle(pieces.count, end)))), channel)
      if case .finAndMore = ending {
        try await send(
          .body(.byteBuffer(ByteBuffer(string: "data: {\"seq\":9,\"ct\":\"AAAA\"}\n\n"))), channel)
      }
    }
    try await send(.end(nil), channel)
    return true
  }

  /// Writes so that the system has it before anything else is done, such as cutting the connection.
  private func send(_ part: HTTPServerResponsePart, _ channel: any Channel) async throws {
    try await channel.writeAndFlush(part).get()
  }

  private func write(
    _ status: Int, _ headers: [(String, String)], _ body: [UInt8], _ channel: any Channel
  ) async throws {
    var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status))
    head.headers.add(contentsOf: headers)
    head.headers.replaceOrAdd(name: "content-length", value: String(body.count))
    try await send(.head(head), channel)
    try await send(.body(.byteBuffer(ByteBuffer(bytes: body))), channel)
    try await send(.end(nil), channel)
  }
}

/// Notes what goes over a socket.
private final class WireTap: ChannelDuplexHandler, Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = IOData

  private let note: @Sendable (ByteBuffer) -> Void

  init(_ note: @escaping @Sendable (ByteBuffer) -> Void) { self.note = note }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    note(unwrapInboundIn(data))
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .byteBuffer(let buffer) = unwrapOutboundIn(data) { note(buffer) }
    context.write(data, promise: promise)
  }
}

extension SecretBytes {
  init(copyingText text: String) {
    var bytes = Array(text.utf8)
    self.init(taking: &bytes)
  }
}

/// Something that happens once and that others wait for.
struct Gate: Sendable {
  private let stream: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream() }

  func open() { continuation.finish() }
  func pass() async { for await _ in stream {} }
}
