import AsyncHTTPClient
import Foundation
import Host
import Keyring
import NIOCore
import NIOHTTP1

/// The owner's way to this host: the control socket of the running service or, when none runs, the same
/// routes in this process.
struct Owner: Sendable {
  private enum Way: Sendable {
    case service(socket: String, client: HTTPClient)
    case thisProcess(InProcessClient)
  }

  private let way: Way

  struct Answer {
    let status: Int
    let body: Data

    func decoded<T: Decodable>(_ type: T.Type) throws -> T {
      try JSONDecoder().decode(type, from: body)
    }

    /// Prints the answer's JSON, or one member of it.
    func show(member: String? = nil) throws {
      var value = try JSONSerialization.jsonObject(with: body, options: .fragmentsAllowed)
      if let member, let object = value as? [String: Any], let inner = object[member] { value = inner }
      let data = try JSONSerialization.data(
        withJSONObject: value,
        options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed])
      Terminal.say(String(decoding: data, as: UTF8.self))
    }
  }

  /// Runs `body` with a connection that is closed afterwards. Without a running service the host is opened in
  /// this process for as long as `body` takes.
  static func withConnection<R: Sendable>(_ body: (Owner) async throws -> R) async throws -> R {
    if let running = try await runningService() {
      return try await running.closing(body)
    }
    let services = try await OpenHost.services()
    let owner = Owner.of(services)
    do {
      let result = try await body(owner)
      await services.shutdown()
      return result
    } catch {
      await services.shutdown()
      throw error
    }
  }

  /// Like ``withConnection(_:)``, but only a running service will do.
  static func withService<R: Sendable>(_ body: (Owner) async throws -> R) async throws -> R {
    guard let running = try await runningService() else { throw CommandFailure.serviceNotRunning }
    return try await running.closing(body)
  }

  /// The way to a host that runs in this process.
  static func of(_ services: HostServices) -> Owner {
    Owner(way: .thisProcess(InProcessClient(services: services)))
  }

  /// Like ``withService(_:)``, but nil where none runs.
  static func ifServed<R: Sendable>(_ body: (Owner) async throws -> R) async throws -> R? {
    try await runningService()?.closing(body)
  }

  /// The running service, if one answers on the control socket.
  private static func runningService() async throws -> Owner? {
    let socket = try OpenHost.folders().controlSocket.path
    guard FileManager.default.fileExists(atPath: socket) else { return nil }
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    // A socket that a dead service left behind refuses at once, and will not think better of it.
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let owner = Owner(way: .service(socket: socket, client: client))
    do {
      _ = try await owner.answer("GET", "/control/identity", body: nil, timeout: .seconds(10))
      return owner
    } catch let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout {
      try await client.shutdown()
      throw CommandFailure(
        .failed, "service_not_answering", "The service is there and does not answer.",
        nextStep: "See its log, or start it anew: systemctl --user restart osaurus-host")
    } catch {
      // A socket that nobody listens on any more is left of a service that was killed.
      try await client.shutdown()
      return nil
    }
  }

  private func closing<R>(_ body: (Owner) async throws -> R) async throws -> R {
    do {
      let result = try await body(self)
      try await close()
      return result
    } catch {
      try await close()
      throw error
    }
  }

  private func close() async throws {
    if case .service(_, let client) = way { try await client.shutdown() }
  }

  /// Sends a request and returns a good answer.
  /// - Throws: ``CommandFailure`` for any status from 400 on, in the host's own words.
  func send(
    _ method: String, _ path: String, _ body: (some Encodable)?, timeout: TimeAmount = .seconds(60)
  ) async throws -> Answer {
    try await send(method, path, data: body.map { try JSONEncoder().encode($0) }, timeout: timeout)
  }

  func send(_ method: String, _ path: String) async throws -> Answer {
    try await send(method, path, data: nil)
  }

  private func send(
    _ method: String, _ path: String, data: Data?, timeout: TimeAmount = .seconds(60)
  ) async throws -> Answer {
    let answer = try await answer(method, path, body: data, timeout: timeout)
    guard answer.status >= 400 else { return answer }
    throw HostRefusal(answer).failure
  }

  private func answer(
    _ method: String, _ path: String, body: Data?, timeout: TimeAmount
  ) async throws -> Answer {
    switch way {
    case .service(let socket, let client):
      var request = HTTPClientRequest(url: Self.url(socket: socket, path: path))
      request.method = .RAW(value: method)
      if let body {
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: body))
      }
      let response = try await client.execute(request, timeout: timeout)
      let buffer = try await response.body.collect(upTo: 64 * 1024 * 1024)
      return Answer(status: Int(response.status.code), body: Data(buffer.readableBytesView))
    case .thisProcess(let client):
      let response = try await client.send(method, path, body: body.map { [UInt8]($0) } ?? [])
      return Answer(status: response.status, body: Data(response.body))
    }
  }

  /// Sends a request whose answer streams, and gives its bytes as they come. Only a service streams.
  func stream(
    _ path: String, _ body: some Encodable, timeout: TimeAmount = .hours(1),
    onBytes: (ByteBuffer) async throws -> Void
  ) async throws {
    guard case .service(let socket, let client) = way else { throw CommandFailure.serviceNotRunning }
    var request = HTTPClientRequest(url: Self.url(socket: socket, path: path))
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
    let response = try await client.execute(request, timeout: timeout)
    guard response.status.code < 400 else {
      let buffer = try await response.body.collect(upTo: 1024 * 1024)
      throw HostRefusal(
        Answer(status: Int(response.status.code), body: Data(buffer.readableBytesView))
      ).failure
    }
    for try await bytes in response.body { try await onBytes(bytes) }
  }

  private static func url(socket: String, path: String) -> String {
    let host = socket.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? socket
    return "http+unix://\(host)\(path)"
  }

  /// A name as one segment of a path.
  static func pathSegment(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
  }
}

/// An error body of the host, in any of its flavours, as a failure of the command.
private struct HostRefusal {
  let failure: CommandFailure

  init(_ answer: Owner.Answer) {
    let object = (try? JSONSerialization.jsonObject(with: answer.body)) as? [String: Any]
    let nested = object?["error"] as? [String: Any]
    let code = object?["error"] as? String ?? nested?["code"] as? String ?? nested?["type"] as? String
    let message =
      object?["message"] as? String ?? nested?["message"] as? String
      ?? "The host answered with status \(answer.status)."
    let status: ExitStatus =
      switch answer.status {
      case 401, 403: .notPermitted
      case 404: .notFound
      default: .failed
      }
    failure = CommandFailure(status, code ?? "failed", message)
  }
}
