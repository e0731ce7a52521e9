import Foundation
import HTTPTypes
import Hummingbird
import Stores

/// Why a command in a sandbox is not served, as it is told: `{"error":"<sentence>"}`.
struct BridgeFailure: Error, Hashable {
  let status: HTTPResponse.Status
  let message: String
  /// Seconds after which it may be served.
  var retryAfter: Int?

  init(_ status: HTTPResponse.Status, _ message: String, retryAfter: Int? = nil) {
    self.status = status
    self.message = message
    self.retryAfter = retryAfter
  }

  static let malformed = BridgeFailure(.badRequest, "The request's body is not the JSON that belongs here.")
  static let methodNotAllowed = BridgeFailure(.methodNotAllowed, "Method not allowed")
  static let otherAgent = BridgeFailure(
    .forbidden, "agent_id in body does not match token-bound identity")

  static func invalid(_ message: String) -> BridgeFailure { BridgeFailure(.badRequest, message) }

  static func notFound(_ message: String) -> BridgeFailure { BridgeFailure(.notFound, message) }

  static func unavailable(_ message: String) -> BridgeFailure { BridgeFailure(.serviceUnavailable, message) }

  static func unknownService(_ name: some StringProtocol) -> BridgeFailure {
    BridgeFailure(.notFound, "Unknown service: \(name.prefix(100))")
  }

  /// What becomes of an error of the parts behind the bridge.
  init(_ error: any Error) {
    switch error {
    case let error as BridgeFailure: self = error
    case let error as MemoryError: self = .invalid(error.description)
    case StoresError.tooManySecrets, StoresError.tooManySettings:
      self.init(.conflict, (error as? StoresError)?.description ?? "")
    case is StoresError: self = .unavailable("What this host stores cannot be used now.")
    default:
      let failure = RequestFailure(error)
      self.init(failure.status, failure.message)
    }
  }

  /// The refusal, in the words of a decision; nil where it lets the caller through.
  init?(_ decision: Decision) {
    switch decision {
    case .allow: return nil
    case .unauthenticated(let reason): self.init(.unauthorized, reason.message)
    case .scopeDenied: self = .otherAgent
    case .channelRequired, .notFound: self.init(.notFound, "Not Found")
    }
  }

  private struct Body: Encodable {
    let error: String
  }

  var response: Response {
    // Strings encode; the fallback is for the compiler.
    var response = (try? Response.json(Body(error: message), status: status)) ?? Response(status: status)
    if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
    return response
  }
}
