import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A request below the channel: sent once, to where it says and nowhere else. A POST, or without a body a GET.
struct PlainPost: Sendable {
  private let client: HTTPClient
  /// One for all exchanges, so that they can share connections.
  private let loop: any EventLoop

  init(client: HTTPClient) {
    self.client = client
    loop = client.eventLoopGroup.any()
  }

  /// Sends a request and waits for the head of the answer.
  /// - Parameters:
  ///   - base: the peer's URL, to which `path` is appended.
  ///   - limit: how long that may take.
  /// - Throws: ``TimeLimit/Exceeded``, ``ConnectorError/redirected(url:)``, or what the client library throws.
  func send(
    _ base: String, _ path: String, _ body: [UInt8]?, accept: String, within limit: Duration
  ) async throws -> PeerResponse {
    var headers: HTTPHeaders = ["Accept": accept, "User-Agent": "osaurus-host"]
    if body != nil { headers.add(name: "Content-Type", value: "application/json") }
    let request = try HTTPClient.Request(
      url: base + path, method: body == nil ? .GET : .POST, headers: headers,
      body: body.map { .byteBuffer(ByteBuffer(bytes: $0)) })
    let exchange = Exchange.start(request, with: client, on: loop)
    let response = PeerResponse(try await exchange.head(within: limit), of: exchange)
    // A client that follows redirects has done so by now; what came from there is not read.
    if exchange.wasRedirected { throw ConnectorError.redirected(url: base) }
    return response
  }
}
