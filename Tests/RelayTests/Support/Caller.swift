import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A caller's connection to a relay, in the hands of a test.
struct Caller {
  struct Answer: Sendable {
    var status = 0
    var headers = HTTPHeaders()
    var body = ByteBuffer()
    var text: String { String(buffer: body) }
  }

  /// The connection ended before the answer did.
  struct Cut: Error {
    let soFar: Answer
  }

  let channel: any Channel
  private var iterator: AsyncStream<Inbox<HTTPClientResponsePart>.Event>.Iterator

  /// - Parameter source: the address that it comes from: any of 127.0.0.0/8.
  static func connect(
    _ lab: RelayLab, tls: NIOSSLContext? = nil, from source: String = "127.0.0.1"
  ) async throws -> Caller {
    let (channel, events) = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .bind(to: SocketAddress(ipAddress: source, port: 0))
      .connect(host: "127.0.0.1", port: lab.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if let tls {
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: RelayLab.domain))
          }
          try pipeline.addHTTPClientHandlers()
          let inbox = Inbox<HTTPClientResponsePart>()
          try pipeline.addHandler(inbox)
          return (channel, inbox.events)
        }
      }
    return Caller(channel: channel, iterator: events.makeAsyncIterator())
  }

  func send(
    _ method: HTTPMethod = .GET, _ path: String = "/", host: String = RelayLab.domain,
    headers: HTTPHeaders = [:], body: ByteBuffer? = nil
  ) async throws {
    var fields: HTTPHeaders = ["host": host]
    if let body { fields.add(name: "content-length", value: "\(body.readableBytes)") }
    fields.add(contentsOf: headers)
    let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: fields)
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if let body { channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil) }
    try await channel.writeAndFlush(HTTPClientRequestPart.end(nil)).get()
  }

  /// The next part of an answer.
  mutating func part() async throws -> HTTPClientResponsePart {
    while let event = await iterator.next() {
      switch event {
      case .part(.head(let head)) where head.status == .continue: continue
      case .part(let part): return part
      case .failed, .closed: throw Cut(soFar: Answer())
      }
    }
    throw Cut(soFar: Answer())
  }

  /// The next whole answer.
  mutating func answer() async throws -> Answer {
    var answer = Answer()
    while true {
      let next: HTTPClientResponsePart
      do { next = try await part() } catch { throw Cut(soFar: answer) }
      switch next {
      case .head(let head): (answer.status, answer.headers) = (Int(head.status.code), head.headers)
      case .body(let bytes): answer.body.writeImmutableBuffer(bytes)
      case .end: return answer
      }
    }
  }

  func close() async { try? await channel.close() }

  /// One request on a connection of its own.
  static func ask(
    _ lab: RelayLab, _ method: HTTPMethod = .GET, _ path: String = "/", host: String = RelayLab.domain,
    headers: HTTPHeaders = [:], body: ByteBuffer? = nil
  ) async throws -> Answer {
    var caller = try await connect(lab)
    defer { caller.channel.close(promise: nil) }
    try await caller.send(method, path, host: host, headers: headers, body: body)
    return try await caller.answer()
  }
}

/// A connection on which a test writes bytes as it likes.
struct RawCaller {
  let channel: any Channel
  private var iterator: AsyncStream<Inbox<ByteBuffer>.Event>.Iterator

  static func connect(_ lab: RelayLab, tls: NIOSSLContext? = nil) async throws -> RawCaller {
    let (channel, events) = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connect(host: "127.0.0.1", port: lab.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let inbox = Inbox<ByteBuffer>()
          if let tls {
            try channel.pipeline.syncOperations.addHandler(
              NIOSSLClientHandler(context: tls, serverHostname: RelayLab.domain))
          }
          try channel.pipeline.syncOperations.addHandler(inbox)
          return (channel, inbox.events)
        }
      }
    return RawCaller(channel: channel, iterator: events.makeAsyncIterator())
  }

  func send(_ text: String) async throws { try await send(ByteBuffer(string: text)) }
  func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes).get() }

  /// Everything until the connection ends, and whether it was reset.
  mutating func rest() async -> (text: String, wasReset: Bool) {
    var (text, wasReset) = ("", false)
    while let event = await iterator.next() {
      switch event {
      case .part(let bytes): text += String(buffer: bytes)
      case .failed: wasReset = true
      case .closed: break
      }
    }
    return (text, wasReset)
  }

  /// Reads until the text has come.
  mutating func read(until end: String) async -> String {
    var text = ""
    while !text.contains(end), let event = await iterator.next() {
      if case .part(let bytes) = event { text += String(buffer: bytes) }
    }
    return text
  }
}
