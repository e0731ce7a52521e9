import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import Pairing

extension PlainPost {
  /// Sends a request and reads its whole answer.
  /// - Parameters:
  ///   - limit: how long that may take, and how long the peer may be silent meanwhile.
  ///   - longest: the largest answer, in bytes.
  ///   - unanswered: what to throw where the answer was lost on the way, so that nobody knows what became of the request.
  /// - Throws: ``ConnectorError`` or `CancellationError`.
  func ask(
    _ base: String, _ path: String, _ body: [UInt8]?, within limit: Duration, longest: Int,
    unanswered: ConnectorError
  ) async throws -> (status: Int, body: [UInt8]) {
    do {
      return try await TimeLimit.run(limit) {
        let response = try await send(base, path, body, accept: "application/json", within: limit)
        return (response.status, try await response.collect(upTo: longest, silence: limit))
      }
    } catch {
      if Task.isCancelled { throw CancellationError() }
      switch error {
      case is CancellationError, is ConnectorError: throw error
      case is NIOTooManyBytesError: throw ConnectorError.untrustedAnswer(.malformedAnswer)
      case is NIOConnectionError: throw ConnectorError.unreachable(url: base)
      case let error as IOError where [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode):
        throw ConnectorError.unreachable(url: base)
      case let error as HTTPClientError
      where [.connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout].contains(error):
        throw ConnectorError.unreachable(url: base)
      default: throw unanswered
      }
    }
  }
}
