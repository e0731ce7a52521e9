import HTTPTypes
import Hummingbird
public import NIOCore
import Synchronization

/// Asks a host without a socket: what the owner's commands use when no service runs. It passes the same front
/// door as everybody, as the owner.
public struct InProcessClient: Sendable {
  private let door: FrontDoor

  public init(services: HostServices) { door = FrontDoor(services: services) }

  /// An answer, whole.
  public struct Answer: Sendable {
    public let status: Int
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]
  }

  /// Sends a request and waits for the whole answer.
  public func send(_ method: String, _ path: String, body: [UInt8] = []) async throws -> Answer {
    let collected = CollectedBody()
    let head = try await stream(method, path, body: body) { collected.append($0) }
    return Answer(status: head.status, headers: head.headers, body: collected.bytes)
  }

  /// Sends a request and hands over the answer's body as it comes.
  @discardableResult
  public func stream(
    _ method: String, _ path: String, body: [UInt8] = [],
    onBody: @escaping @Sendable (ByteBuffer) async throws -> Void
  ) async throws -> (status: Int, headers: [(name: String, value: String)]) {
    guard let method = HTTPRequest.Method(method) else { throw HostError.invalidRequest }
    var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
    if !body.isEmpty { head.headerFields[.contentType] = "application/json" }
    let response = try await door.respond(
      to: head, body: ByteBuffer(bytes: body), from: Arrival(origin: .inProcess))
    try await response.body.write(Writer(onBody: onBody))
    return (
      response.status.code, response.headers.map { (name: $0.name.rawName, value: $0.value) }
    )
  }

  private struct Writer: ResponseBodyWriter {
    let onBody: @Sendable (ByteBuffer) async throws -> Void

    mutating func write(_ buffer: ByteBuffer) async throws { try await onBody(buffer) }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }

  private final class CollectedBody: Sendable {
    private let collected = Mutex<[UInt8]>([])

    func append(_ buffer: ByteBuffer) { collected.withLock { $0 += buffer.readableBytesView } }
    var bytes: [UInt8] { collected.withLock { $0 } }
  }
}
