public import AsyncHTTPClient
import NIOCore

extension HTTPClient {
  /// A client as peers need it: no redirects, no proxy, certificates checked against the system's roots, 10 s for a
  /// connection, and no second try to make one. Shut it down when it is no longer needed.
  public static func forPeers() -> HTTPClient {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(connect: .seconds(10)))
    configuration.connectionPool.idleTimeout = .seconds(4)
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    return HTTPClient(configuration: configuration)
  }
}
