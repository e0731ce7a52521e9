import Foundation
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// A model server that costs next to nothing: it streams a fixed answer as fast as it is read, or, asked to `hold`,
/// sends one word and keeps the stream open; asked to `drip`, it says a word a second.
struct ModelServer: Sendable {
  /// Pieces of a streamed answer.
  static let pieces = 4000
  /// Bytes of text in each.
  static let pieceSize = 48

  let url: String

  static func run<R: Sendable>(_ body: @escaping @Sendable (ModelServer) async throws -> R) async throws -> R
  {
    let router = Router()
    router.get("v1/models") { _, _ in json(#"{"object":"list","data":[{"id":"bench","object":"model"}]}"#) }
    router.post("v1/chat/completions") { request, _ in
      let question = String(buffer: try await request.body.collect(upTo: 1 << 20))
      return answer(isHeld: question.contains("hold"), drips: question.contains("drip"))
    }
    var logger = Logger(label: "model")
    logger.logLevel = .critical
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: logger)
    var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
    configuration.maximumGracefulShutdownDuration = .milliseconds(200)
    let group = ServiceGroup(configuration: configuration)
    async let running: Void = group.run()
    var iterator = ports.makeAsyncIterator()
    let server = ModelServer(url: "http://127.0.0.1:\(await iterator.next() ?? 0)/v1")
    let result: Result<R, any Error>
    do { result = .success(try await body(server)) } catch { result = .failure(error) }
    await group.triggerGracefulShutdown()
    try? await running
    return try result.get()
  }

  private static func json(_ text: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  private static func answer(isHeld: Bool, drips: Bool) -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/event-stream"],
      body: ResponseBody { writer in
        while drips {
          try await writer.write(piece)
          try await Task.sleep(for: .seconds(1))
        }
        if isHeld {
          try await writer.write(piece)
          try await Task.sleep(for: .seconds(3600))
        } else {
          for _ in 0..<(pieces / 40) { try await writer.write(fortyPieces) }
          try await writer.write(ByteBuffer(string: "data: [DONE]\n\n"))
        }
        try await writer.finish(nil)
      })
  }

  private static let piece = ByteBuffer(string: event)
  private static let fortyPieces = ByteBuffer(string: String(repeating: event, count: 40))
  private static let event =
    #"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"bench","choices":[{"index":0,"#
    + #""delta":{"content":""# + String(repeating: "x", count: pieceSize) + #""}}]}"# + "\n\n"
}
