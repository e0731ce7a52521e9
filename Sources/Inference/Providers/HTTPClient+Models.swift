public import AsyncHTTPClient
import NIOCore

extension HTTPClient {
  /// A client as model servers need it: redirects are not followed (a key must not travel), certificates are
  /// checked against the system's roots, a connection takes at most 10 s, and idle connections are let go soon.
  /// Silence is watched for by the providers. Shut it down when the service ends.
  public static func forModels() -> HTTPClient {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(connect: .seconds(10)))
    configuration.connectionPool.idleTimeout = .seconds(4)
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
    configuration.httpVersion = .http1Only
    // Who is not there is not waited for.
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(configuration: configuration)
  }
}
