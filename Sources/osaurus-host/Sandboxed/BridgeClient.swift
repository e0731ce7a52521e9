import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Sandbox
import SecretMemory

/// The way from inside a sandbox to the host of its agent.
struct BridgeClient: ~Copyable {
  /// The host refused, in its own words.
  struct Refusal: Error {
    let status: Int
    let message: String
  }

  private let socket: String
  private let token: BearerSecret

  /// Whether this program runs in a sandbox that has a way to its host.
  static var isHere: Bool {
    let environment = ProcessInfo.processInfo.environment
    return environment["OSAURUS_SANDBOX"] == "1" && environment[BridgePlaces.socketVariable]?.isEmpty == false
  }

  /// - Throws: ``CommandFailure`` where the socket or the token is not there.
  init() throws {
    let environment = ProcessInfo.processInfo.environment
    socket = environment[BridgePlaces.socketVariable] ?? ""
    let file = environment[BridgePlaces.tokenVariable] ?? ""
    guard var bytes = FileManager.default.contents(atPath: file).map({ [UInt8]($0) }),
      let token = BearerSecret(trimming: SecretBytes(taking: &bytes))
    else {
      throw CommandFailure(.notPermitted, "no_token", "There is no token in \(file) to show the host.")
    }
    self.token = token
  }

  /// Asks, and gives the answer's body.
  /// - Throws: ``Refusal``.
  func ask(_ method: String, _ path: String, _ body: (some Encodable)?) async throws -> Data {
    let host = socket.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? socket
    var request = HTTPClientRequest(url: "http+unix://\(host)/api\(path)")
    request.method = .RAW(value: method)
    token.withAuthorization { request.headers.add(name: "Authorization", value: $0) }
    if let body {
      request.headers.add(name: "Content-Type", value: "application/json")
      request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
    }
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    do {
      let response = try await client.execute(request, timeout: .hours(1))
      let bytes = try await response.body.collect(upTo: 16 << 20)
      try await client.shutdown()
      let answer = Data(bytes.readableBytesView)
      guard response.status.code < 400 else { throw Self.refusal(Int(response.status.code), answer) }
      return answer
    } catch {
      try? await client.shutdown()
      throw error
    }
  }

  func ask(_ method: String, _ path: String) async throws -> Data {
    try await ask(method, path, nil as String?)
  }

  private struct ErrorBody: Decodable {
    let error: String
  }

  private static func refusal(_ status: Int, _ body: Data) -> Refusal {
    let message = (try? JSONDecoder().decode(ErrorBody.self, from: body))?.error
    return Refusal(status: status, message: message ?? "The host answered with status \(status).")
  }

  /// A name as one segment of a path.
  static func segment(_ text: String) -> String { Owner.pathSegment(text) }
}
