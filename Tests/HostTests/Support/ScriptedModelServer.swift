import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

@testable import Host

/// A model server on loopback that answers as its questions ask it to.
///
/// The last message is the script: `say a b c` streams these words, `die a b` stops after them without an end, `drone` speaks until
/// nobody listens, `pour n` says n pieces of 32 KiB, `refuse` answers 400, `call` calls a tool, and anything else is repeated.
final class ScriptedModelServer: Sendable {
  struct Seen: Sendable {
    var requests: [String] = []
    var authorization: [String?] = []
  }

  let seen = Mutex(Seen())
  /// The bodies of the questions so far.
  var requests: [String] { seen.withLock { $0.requests } }
  /// How many pieces were poured, by the number that was asked for.
  let poured = Mutex<[Int: Int]>([:])
  static let pouredPiece = String(repeating: "0123456789abcdef", count: 2048)
  /// Set when one that was told to drone on has begun.
  let droneStarted = Signal<Void>()
  /// Set when one that was told to drone on has stopped.
  let droneStopped = Signal<Void>()

  /// Runs a server while `body` does; `body` gets its base URL.
  static func run<R: Sendable>(
    _ body: @escaping @Sendable (ScriptedModelServer, String) async throws -> R
  ) async throws -> R {
    let server = ScriptedModelServer()
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
      router: server.router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) }, logger: .quiet)
    // Told to stop rather than cancelled: a connection that arrives while a listener is cancelled ends the process.
    let group = ServiceGroup(services: [application], logger: .quiet)
    let running = Task { try await group.run() }
    var iterator = ports.makeAsyncIterator()
    let result: Result<R, any Error>
    do {
      result = .success(try await body(server, "http://127.0.0.1:\(await iterator.next() ?? 0)/v1"))
    } catch {
      result = .failure(error)
    }
    await group.triggerGracefulShutdown()
    try await running.value
    return try result.get()
  }

  private struct Question: Decodable {
    struct Message: Decodable {
      let content: String

      private enum CodingKeys: CodingKey { case content }
      private struct Part: Decodable { var text: String? }

      init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        content =
          try (try? container.decode(String.self, forKey: .content))
          ?? container.decode([Part].self, forKey: .content).compactMap(\.text).joined()
      }
    }
    let messages: [Message]
    var stream: Bool?
  }

  private var router: Router<BasicRequestContext> {
    let router = Router()
    router.get("/v1/models") { _, _ in
      Self.json(
        #"{"object":"list","data":[{"id":"scripted/one","object":"model","created":1,"owned_by":"tests"}]}"#)
    }
    router.post("/v1/embeddings") { request, _ in
      let order = try? JSONDecoder().decode(
        EmbeddingOrder.self, from: Data(try await request.body.collect(upTo: 1 << 24).readableBytesView))
      if let order, order.model == Self.meaningModel { return try Self.meanings(of: order.input) }
      return Self.json(
        #"{"object":"list","model":"x","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]}],"#
          + #""usage":{"prompt_tokens":2,"total_tokens":2}}"#)
    }
    router.post("/v1/chat/completions") { [self] request, _ in
      let body = try await request.body.collect(upTo: 1 << 20)
      seen.withLock {
        $0.requests.append(String(buffer: body))
        $0.authorization.append(request.headers[.authorization])
      }
      let question = try JSONDecoder().decode(Question.self, from: Data(body.readableBytesView))
      return answer(question.messages.last?.content ?? "")
    }
    return router
  }

  // MARK: Meaning

  /// A model for embeddings that knows a few words of each other's meaning, and no others.
  static let meaningModel = "scripted/meaning"
  private static let topics = [
    ["boat", "ship", "mooring", "sail"], ["tea", "coffee", "drink"], ["ladder", "stairs", "climb"],
    ["garden", "roses", "soil"],
  ]

  private struct EmbeddingOrder: Decodable {
    let model: String
    let input: [String]
  }

  private struct EmbeddingAnswer: Encodable {
    struct Item: Encodable {
      let index: Int
      let embedding: [Double]
    }
    let data: [Item]
    let model = meaningModel
  }

  private static func meanings(of texts: [String]) throws -> Response {
    // In reverse, as a server may.
    let items = texts.enumerated().reversed().map { index, text in
      let words = text.lowercased().split { !$0.isLetter }.map(String.init)
      return EmbeddingAnswer.Item(
        index: index,
        embedding: [0.01] + topics.map { topic in Double(words.count(where: topic.contains)) })
    }
    return json(String(decoding: try JSONEncoder().encode(EmbeddingAnswer(data: items)), as: UTF8.self))
  }

  private func answer(_ script: String) -> Response {
    let words = script.split(separator: " ").map(String.init)
    switch words.first {
    case "refuse":
      return Self.json(#"{"error":{"message":"No such thing","type":"invalid_request_error"}}"#, .badRequest)
    case "call":
      let call =
        #"{"index":0,"id":"c1","type":"function","function":{"name":"look","arguments":"{\"a\":1}"}}"#
      return Self.stream { writer in
        try await writer.write(Self.chunk(#"{"tool_calls":[\#(call)]}"#))
        try await writer.write(Self.chunk("{}", finish: "tool_calls"))
        try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
      }
    case "drone":
      return Self.stream { [self] writer in
        defer { droneStopped.fulfil(.success(())) }
        while true {
          try await writer.write(Self.chunk(#"{"content":"drone "}"#))
          droneStarted.fulfil(.success(()))
          try await Task.sleep(for: .milliseconds(5))
        }
      }
    case "pour":
      let count = words.last.flatMap { Int($0) } ?? 0
      return Self.stream { [self] writer in
        for _ in 0..<count {
          try await writer.write(Self.chunk(#"{"content":"\#(Self.pouredPiece)"}"#))
          poured.withLock { $0[count, default: 0] += 1 }
        }
        try await writer.write(Self.chunk("{}", finish: "stop"))
        try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
        try await writer.finish(nil)
      }
    case "die":
      return Self.stream { writer in
        for word in words.dropFirst() { try await writer.write(Self.chunk(#"{"content":"\#(word) "}"#)) }
        // Without the end that an answer has. A connection that is torn down might take the last words with it.
        try await writer.finish(nil)
      }
    default:
      let said = words.first == "say" ? Array(words.dropFirst()) : words
      return Self.stream { writer in
        try await writer.write(Self.chunk(#"{"role":"assistant","content":""}"#))
        for word in said { try await writer.write(Self.chunk(#"{"content":"\#(word) "}"#)) }
        try await writer.write(Self.chunk("{}", finish: "stop"))
        let usage =
          #"{"prompt_tokens":3,"completion_tokens":\#(said.count),"total_tokens":\#(3 + said.count)}"#
        try await writer.write(ByteBuffer(string: "data: {\"choices\":[],\"usage\":\(usage)}\n\n"))
        try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
      }
    }
  }

  private static func chunk(_ delta: String, finish: String? = nil) -> ByteBuffer {
    let reason = finish.map { #","finish_reason":"\#($0)""# } ?? ""
    return ByteBuffer(
      string:
        #"data: {"id":"u","object":"chat.completion.chunk","created":1,"model":"scripted/one","choices":["#
        + #"{"index":0,"delta":\#(delta)\#(reason)}]}"# + "\n\n")
  }

  private static func stream(
    _ write: @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
  ) -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/event-stream"],
      body: ResponseBody { writer in
        try await write(&writer)
        try await writer.finish(nil)
      })
  }

  private static func json(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}

extension Logger {
  /// A logger that says nothing.
  static var quiet: Logger { Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() } }
}
