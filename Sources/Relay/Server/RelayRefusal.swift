import NIOHTTP1

/// Why a request is not answered by an agent. Callers are told `{"error":"<code>"}`.
enum RelayRefusal: Hashable, Sendable, CaseIterable {
  // MARK: The request
  case badRequest
  case invalidSubdomain
  case websocketRequired
  case notFound
  case requestTimeout
  case headersTooLarge
  case bodyTooLarge
  case rateLimited
  case tooManyConnections
  // MARK: The agent
  case agentOffline
  case tunnelBusy
  case tunnelClosed
  case binaryUnsupported
  case invalidAnswer
  case answerBrokeOff
  case gatewayTimeout
  case streamTimeout
  case slowCaller
  // MARK: The relay
  case overloaded
  case relayFull
  case stopping

  var status: HTTPResponseStatus {
    switch self {
    case .badRequest, .invalidSubdomain, .websocketRequired: .badRequest
    case .notFound: .notFound
    case .requestTimeout: .requestTimeout
    case .headersTooLarge: .requestHeaderFieldsTooLarge
    case .bodyTooLarge: .payloadTooLarge
    case .rateLimited, .tooManyConnections: .tooManyRequests
    case .agentOffline, .tunnelClosed, .binaryUnsupported, .invalidAnswer, .answerBrokeOff: .badGateway
    case .gatewayTimeout, .streamTimeout: .gatewayTimeout
    case .tunnelBusy, .slowCaller, .overloaded, .relayFull, .stopping: .serviceUnavailable
    }
  }

  /// The word for it in answers and in metrics.
  var code: String {
    switch self {
    case .badRequest: "bad_request"
    case .invalidSubdomain: "invalid_subdomain"
    case .websocketRequired: "websocket_required"
    case .notFound: "not_found"
    case .requestTimeout: "request_timeout"
    case .headersTooLarge: "headers_too_large"
    case .bodyTooLarge: "body_too_large"
    case .rateLimited: "rate_limited"
    case .tooManyConnections: "too_many_connections"
    case .agentOffline: "agent_offline"
    case .tunnelBusy: "tunnel_busy"
    case .tunnelClosed: "tunnel_closed"
    case .binaryUnsupported: "binary_unsupported"
    case .invalidAnswer: "invalid_response"
    case .answerBrokeOff: "response_broke_off"
    case .gatewayTimeout: "gateway_timeout"
    case .streamTimeout: "stream_timeout"
    case .slowCaller: "slow_caller"
    case .overloaded: "relay_overloaded"
    case .relayFull: "relay_full"
    case .stopping: "relay_stopping"
    }
  }
}
