import AsyncHTTPClient
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

@testable import Inference

/// What a request to the fake server was like.
struct SeenRequest: Sendable {
  var method: String
  var path: String
  var authorization: String?
  var body: [UInt8]

  var json: JSONValue? { try? JSONText.decode(JSONValue.self, from: body) }
}

/// A real HTTP server on loopback that answers as a test tells it to.
struct Upstream: Sendable {
  var url: ServerURL
  var port: Int
  var client: HTTPClient
  var seen: @Sendable () -> [SeenRequest]

  func provider(
    key: ProviderKey? = nil, patience: OpenAIProvider.Patience = .init()
  ) throws -> OpenAIProvider {
    try OpenAIProvider(name: "Fake", url: url, key: key, client: client, patience: patience)
  }

  /// Runs `body` against a server that answers every request with `answer`.
  static func with<R: Sendable>(
    _ answer: @escaping @Sendable (SeenRequest) async throws -> Response,
    run body: @escaping @Sendable (Upstream) async throws -> R
  ) async throws -> R {
    let log = RequestLog()
    let router = Router()
    let handler: @Sendable (Request, BasicRequestContext) async throws -> Response = { request, _ in
      let body = try await request.body.collect(upTo: 64 << 20)
      let seen = SeenRequest(
        method: request.method.rawValue, path: request.uri.path,
        authorization: request.headers[.authorization], body: Array(buffer: body))
      log.add(seen)
      return try await answer(seen)
    }
    for path in ["v1/models", "v1/chat/completions", "v1/embeddings"] {
      router.get("\(path)", use: handler)
      router.post("\(path)", use: handler)
    }
    let ports = Handoff<Int>(capacity: 1)
    var application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in try? await ports.send(channel.localAddress?.port ?? 0) })
    application.logger.logLevel = .critical
    let client = HTTPClient.forModels()
    // Hummingbird does not survive being cancelled while it accepts a connection: it is asked to stop, and those
    // handlers that never end are cancelled after a moment.
    var configuration = ServiceGroupConfiguration(services: [application], logger: application.logger)
    configuration.maximumGracefulShutdownDuration = .milliseconds(200)
    let services = ServiceGroup(configuration: configuration)
    async let running: Void = services.run()
    let result: Result<R, any Error>
    do {
      let port = try await ports.next() ?? 0
      let url = try ServerURL("http://127.0.0.1:\(port)/v1")
      result = .success(
        try await body(Upstream(url: url, port: port, client: client, seen: { log.all })))
    } catch {
      result = .failure(error)
    }
    try? await client.shutdown()
    await services.triggerGracefulShutdown()
    try? await running
    return try result.get()
  }
}

private final class RequestLog: Sendable {
  private let requests = Mutex<[SeenRequest]>([])
  func add(_ request: SeenRequest) { requests.withLock { $0.append(request) } }
  var all: [SeenRequest] { requests.withLock { $0 } }
}

extension Response {
  /// An event stream of the given pieces, each written by itself.
  static func events(_ pieces: [String]) -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/event-stream"],
      body: ResponseBody { writer in
        for piece in pieces { try await writer.write(ByteBuffer(string: piece)) }
        try await writer.finish(nil)
      })
  }

  static func json(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}

/// Waits until something is so, for at most `limit`.
func eventually(within limit: Duration, _ isSo: () async throws -> Bool) async rethrows -> Bool {
  let end = ContinuousClock.now + limit
  while ContinuousClock.now < end {
    if try await isSo() { return true }
    try? await Task.sleep(for: .milliseconds(10))
  }
  return try await isSo()
}

/// The text of a chunk as a server sends it.
func chunk(_ text: String, finish: String? = nil) -> String {
  let end = finish.map { "\"\($0)\"" } ?? "null"
  return #"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"#
    + #""delta":{"content":"\#(text)"},"finish_reason":\#(end)}]}"# + "\n\n"
}
