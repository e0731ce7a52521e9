import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A request below the channel: sent once, to where it says and nowhere else.
struct PlainPost: Sendable {
  private let client: HTTPClient
  /// One for all exchanges, so that they can share connections.
  private let loop: any EventLoop

  init(client: HTTPClient) {
    self.client = client
    loop = client.eventLoopGroup.any()
  }

  /// Sends a request and waits for the head of the answer.
  /// - Parameter base: the peer's URL, to which `path` is appended.
  func send(_ base: String, _ path: String, _ body: [UInt8], accept: String) async throws -> PeerResponse {
    let headers: HTTPHeaders = [
      "Content-Type": "application/json", "Accept": accept, "User-Agent": "osaurus-host",
    ]
    let request = try HTTPClient.Request(
      url: base + path, method: .POST, headers: headers, body: .byteBuffer(ByteBuffer(bytes: body)))
    let exchange = Exchange.start(request, with: client, on: loop)
    let response = PeerResponse(try await exchange.head(), of: exchange)
    // A client that follows redirects has done so by now; what came from there is not read.
    if exchange.wasRedirected { throw ConnectorError.redirected(url: base) }
    return response
  }
}
