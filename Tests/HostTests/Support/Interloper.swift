import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

@testable import Host

/// Somebody in between two machines, on loopback: gets every request, asks the host whatever it likes in its place, and
/// answers whatever it likes.
final class Interloper: Sendable {
  /// A request that came.
  struct Asked: Hashable, Sendable {
    var method: String
    var path: String
    var headers: [String]
    var body: [UInt8]
  }

  /// What is answered.
  struct Told: Sendable {
    var status = 200
    var headers: HTTPFields = [.contentType: "application/json"]
    var body: [UInt8]
    /// Whether the connection is cut after the body, instead of ended.
    var isCut = false

    init(status: Int = 200, _ body: [UInt8], type: String = "application/json", isCut: Bool = false) {
      (self.status, self.body, self.isCut) = (status, body, isCut)
      headers[.contentType] = type
    }

    /// What the host said.
    init(_ answer: WireAnswer) {
      self.init(
        status: answer.status, answer.body, type: answer.headers["content-type"] ?? "text/plain",
        isCut: !answer.isWhole)
    }
  }

  typealias Manner = @Sendable (Asked, _ host: WireClient) async throws -> Told

  private let manner: Mutex<Manner>
  private let host: WireClient
  private let seen = Mutex<[Asked]>([])

  private init(before host: WireClient, _ manner: @escaping Manner) {
    self.host = host
    self.manner = Mutex(manner)
  }

  /// All requests so far, in the order in which they came.
  var requests: [Asked] { seen.withLock { $0 } }

  func behave(_ manner: @escaping Manner) {
    self.manner.withLock { $0 = manner }
    seen.withLock { $0 = [] }
  }

  /// What an honest one does.
  static let honest: Manner = { asked, host in Told(try await host.passOn(asked)) }

  /// Runs one before a host while `body` does.
  static func run<R: Sendable>(
    before port: Int, _ manner: @escaping Manner = honest,
    _ body: @escaping @Sendable (Interloper, _ port: Int) async throws -> R
  ) async throws -> R {
    let interloper = Interloper(before: WireClient(port: port), manner)
    let ready = Signal<Int>()
    let application = Application(
      responder: CallbackResponder { (request: Request, _: BasicRequestContext) in
        try await interloper.answer(request)
      },
      configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { ready.fulfil(.success($0.localAddress?.port ?? 0)) }, logger: .quiet)
    let group = ServiceGroup(services: [application], logger: .quiet)
    let running = Task { try await group.run() }
    let result: Result<R, any Error>
    do { result = .success(try await body(interloper, try await ready.value())) } catch {
      result = .failure(error)
    }
    await group.triggerGracefulShutdown()
    try await running.value
    return try result.get()
  }

  private func answer(_ request: Request) async throws -> Response {
    let body = try await request.body.collect(upTo: 1 << 26)
    var headers: [String] = []
    for field in request.headers where field.name != .contentLength && field.name != .connection {
      headers.append("\(field.name.rawName): \(field.value)")
    }
    let asked = Asked(
      method: request.method.rawValue, path: request.head.path ?? "/", headers: headers,
      body: Array(buffer: body))
    seen.withLock { $0.append(asked) }
    let told = try await manner.withLock { $0 }(asked, host)
    struct Cut: Error {}
    guard told.isCut else {
      return Response(
        status: .init(code: told.status), headers: told.headers,
        body: .init(byteBuffer: ByteBuffer(bytes: told.body)))
    }
    return Response(
      status: .init(code: told.status), headers: told.headers,
      body: ResponseBody { writer in
        try await writer.write(ByteBuffer(bytes: told.body))
        throw Cut()
      })
  }
}

extension WireClient {
  /// Asks what somebody else asked.
  func passOn(_ asked: Interloper.Asked) async throws -> WireAnswer {
    try await ask(
      asked.method, asked.path, asked.method == "GET" ? nil : asked.body,
      headers: asked.headers.filter { !$0.lowercased().hasPrefix("host:") })
  }
}
