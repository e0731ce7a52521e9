import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// One connection: reads a request, has it answered, and goes on to the next.
///
/// A body is taken only for a request that the front door has let in by its head. Others are answered at once; if
/// they announced a body, they are the last on their connection, which lingers so that the caller gets to see why.
struct Connection<Entrance: Door>: Sendable {
  typealias Parts = NIOAsyncChannelInboundStream<HTTPServerRequestPart>.AsyncIterator
  typealias Writer = NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>

  let channel: any Channel
  let stream: UnservedStream
  let watch: CallerWatch
  let origin: Caller.Origin
  let localAddress: SourceAddress?
  let door: Entrance
  let held: HeldBytes
  let standing: ConnectionStanding

  /// Puts the handlers of a connection on a channel. To be called on the channel's event loop.
  static func make(
    on channel: any Channel, origin: Caller.Origin, door: Entrance, held: HeldBytes,
    standing: ConnectionStanding
  ) throws -> Connection {
    let limits = door.limits
    let watch = CallerWatch()
    let pipeline = channel.pipeline.syncOperations
    var decoderLimits = NIOHTTPDecoderLimitConfiguration()
    decoderLimits.maxHeaderFieldSize = limits.headerBytes
    decoderLimits.maxHeaderListSize = limits.headerBytes
    decoderLimits.maxHeaderFieldCount = limits.headerFields
    let connection = ConnectionGuard(limits: limits, watch: watch)
    try pipeline.addHandler(ByteWatch(connection))
    try pipeline.configureHTTPServerPipeline(
      withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: true,
      withEncoderConfiguration: .init(),
      withDecoderLimitConfiguration: decoderLimits)
    try pipeline.addHandler(connection)
    let stream = try UnservedStream.Stream(
      wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    return Connection(
      channel: channel, stream: UnservedStream(stream), watch: watch, origin: origin,
      localAddress: SourceAddress(channel.localAddress),
      door: door, held: held, standing: standing)
  }

  /// Serves until either side closes. Whatever goes wrong ends this connection and nothing else.
  func run() async {
    do {
      guard let stream = stream.take() else { return }
      try await stream.executeThenClose { inbound, outbound in
        var parts = inbound.makeAsyncIterator()
        do {
          while let head = try await Self.nextHead(&parts) {
            guard try await serve(head, &parts, outbound) else { break }
          }
        } catch let fault as ConnectionGuard.Fault {
          switch fault {
          case .timedOut: try await send(door.refusal(of: .timedOut), outbound)
          }
        } catch let error as HTTPParserError {
          let fault: ConnectionFault = error == .headerOverflow ? .headersTooLarge : .malformed
          try await send(door.refusal(of: fault), outbound)
        } catch is CutAnswer {
          // What was written goes out; the missing end tells the caller that there was to be more.
        }
        outbound.finish()
        try await channel.closeFuture.get()
      }
    } catch {
      door.logger.trace("a connection ended", metadata: ["error": "\(error)"])
    }
  }

  /// The head that the next request starts with; nil when there is none.
  private static func nextHead(_ parts: inout Parts) async throws -> HTTPRequestHead? {
    while let part = try await parts.next() {
      if case .head(let head) = part { return head }
    }
    return nil
  }

  // MARK: One request

  /// Serves one request. False where the connection cannot be used for another.
  private func serve(_ head: HTTPRequestHead, _ parts: inout Parts, _ outbound: Writer) async throws -> Bool {
    guard let request = HTTPRequest(strict: head), !origin.isInternet || request.authority?.isEmpty == false
    else {
      try await send(door.refusal(of: .malformed), outbound)
      return false
    }
    let limit = door.bodyLimit(for: head.uri)
    let announced = head.headers.first(name: "content-length").map(UInt64.init)
    if let announced, announced.map({ $0 > UInt64(limit) }) ?? true {
      try await send(
        door.refusal(of: announced.map { .tooLarge($0, limit: limit) } ?? .malformed), outbound)
      return false
    }
    // A connection that asks for another protocol is not read from after this request.
    let isLast = !head.isKeepAlive || head.version != .http1_1 || head.headers.contains(name: "upgrade")
    let expectsContinue = head.headers.first(name: "expect")?.lowercased() == "100-continue"
    let ticket: Entrance.Ticket
    switch try await door.admit(request, from: Arrival(origin: origin, localAddress: localAddress)) {
    case .admitted(let admitted):
      ticket = admitted
      if ticket.isProven && !standing.prove() { return false }
      if expectsContinue { try await outbound.write(.head(.init(version: head.version, status: .continue))) }
    case .answered(let response):
      let hasBody = announced != nil && announced != 0 || head.headers.contains(name: "transfer-encoding")
      let isLast = isLast || expectsContinue || hasBody
      if !isLast {
        guard case .end? = try await parts.next() else { return false }
      }
      try await send(response, outbound, for: request, version: head.version, isLast: isLast)
      return !isLast
    }

    var share = HeldShare(of: held, for: origin.holder)
    let body: ByteBuffer
    switch try await read(&parts, upTo: limit, &share) {
    case .whole(let whole): body = whole
    case .tooLarge(let count):
      try await send(door.refusal(of: .tooLarge(count, limit: limit)), outbound, for: request)
      return false
    case .noRoom:
      try await send(door.refusal(of: .overloaded), outbound, for: request)
      return false
    case .truncated:
      return false
    }

    let (door, watch) = (door, watch)
    let wasAnswered = try await standing.whileAnswering {
      try await watch.whileCallerWaits {
        let response = try await door.answer(ticket, body: body)
        try await send(response, outbound, for: request, version: head.version, isLast: isLast)
      }
    }
    return wasAnswered && !isLast
  }

  private enum Body {
    case whole(ByteBuffer)
    case tooLarge(UInt64)
    case noRoom
    case truncated
  }

  /// Reads a body to its end, or until it is too large.
  private func read(
    _ parts: inout Parts, upTo limit: Int, _ share: inout HeldShare
  ) async throws -> Body {
    var body = ByteBuffer()
    var count: UInt64 = 0
    while let part = try await parts.next() {
      switch part {
      case .head: return .truncated
      case .end: return .whole(body)
      case .body(var bytes):
        count += UInt64(bytes.readableBytes)
        if count > UInt64(limit) { return .tooLarge(count) }
        guard share.add(bytes.readableBytes) else { return .noRoom }
        if body.readableBytes == 0 { body = bytes } else { body.writeBuffer(&bytes) }
      }
    }
    return .truncated
  }

  // MARK: Answers

  /// Writes a response. Throws `CutAnswer` where its body fails after the head has gone out.
  private func send(
    _ response: Response, _ outbound: Writer, for request: HTTPRequest? = nil,
    version: HTTPVersion = .http1_1, isLast: Bool = true
  ) async throws {
    var fields = door.headers(of: response, to: request)
    if isLast { fields[.connection] = "close" }
    let head = HTTPResponseHead(
      version: version.minor == 0 ? .http1_0 : .http1_1,
      status: HTTPResponseStatus(
        statusCode: response.status.code, reasonPhrase: response.status.reasonPhrase),
      headers: HTTPHeaders(fields.map { ($0.name.rawName, $0.value) }))

    if let length = response.body.contentLength, length <= 1 << 20 {
      let collected = BodyCollector(limit: 1 << 20)
      try await response.body.write(collected)
      try await outbound.write(
        contentsOf: [.head(head)] + collected.parts.map { .body(.byteBuffer($0)) } + [.end(nil)])
      return
    }
    try await outbound.write(.head(head))
    let writer = AnswerWriter(outbound)
    do {
      try await response.body.write(writer)
    } catch {
      door.logger.debug("an answer was cut", metadata: ["error": "\(error)"])
      throw CutAnswer()
    }
    if !writer.isFinished { throw CutAnswer() }
  }
}

/// A connection's stream until somebody serves it. A stream that nobody will serve, because the host is stopping, is
/// closed: one that is let go of unread would end the process.
final class UnservedStream: Sendable {
  typealias Stream = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

  private let stream: Mutex<Stream?>

  init(_ stream: Stream) { self.stream = Mutex(stream) }

  /// The stream, for the one who serves it.
  func take() -> Stream? {
    stream.withLock { stream in
      defer { stream = nil }
      return stream
    }
  }

  deinit {
    guard let stream = take() else { return }
    Task { try? await stream.executeThenClose { _, _ in } }
  }
}

/// An answer that ended before its end.
private struct CutAnswer: Error {}

/// Writes the parts of an answer to the connection as they come.
private final class AnswerWriter: ResponseBodyWriter {
  private let outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
  private(set) var isFinished = false

  init(_ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>) {
    self.outbound = outbound
  }

  func write(_ buffer: ByteBuffer) async throws {
    try await outbound.write(.body(.byteBuffer(buffer)))
  }

  func write(contentsOf buffers: some Sequence<ByteBuffer>) async throws {
    try await outbound.write(contentsOf: buffers.map { .body(.byteBuffer($0)) })
  }

  func finish(_ trailingHeaders: HTTPFields?) async throws {
    isFinished = true
    try await outbound.write(
      .end(trailingHeaders.map { HTTPHeaders($0.map { ($0.name.rawName, $0.value) }) }))
  }
}

extension HTTPRequest {
  /// A head whose target is a path and whose names are well-formed; nil for all else.
  fileprivate init?(strict head: HTTPRequestHead) {
    guard let method = HTTPRequest.Method(head.method.rawValue),
      head.uri.hasPrefix("/") || (head.uri == "*" && method == .options)
    else { return nil }
    let hosts = head.headers["host"]
    guard hosts.count <= 1 else { return nil }
    var fields = HTTPFields()
    fields.reserveCapacity(head.headers.count)
    for (name, value) in head.headers where name.lowercased() != "host" {
      guard let name = HTTPField.Name(name) else { return nil }
      fields.append(HTTPField(name: name, value: value))
    }
    self.init(method: method, scheme: "http", authority: hosts.first, path: head.uri, headerFields: fields)
  }
}
