public import Identity

/// What a relay says to a host. (spec/03, D2)
public enum RelayFrame: Hashable, Sendable {
  /// What to sign; on opening, and after `request_challenge`.
  case challenge(TunnelNonce, TunnelFeatures = [])
  /// These agents are reached by this tunnel from now on; those were refused.
  case authenticated([RegisteredAgent], rejected: [RejectedAgent] = [])
  /// Authentication failed, and the relay closes.
  case authError(TunnelErrorCode)
  case agentAdded(RegisteredAgent)
  case agentRemoved(Address)
  /// To be answered with a `pong` of the same time (Unix seconds).
  case ping(Int64)
  case request(RelayRequest)
  /// A request that holds more than it may, or what cannot be; its caller is told so. It is never sent.
  case unreadable(RequestID, FrameRefusal)
  case error(TunnelErrorCode)
  /// Nobody waits for the answer to this request any more. (``TunnelFeatures/cancel``)
  case cancel(RequestID)
  /// Send no more of this stream until `resume`. (``TunnelFeatures/flow``)
  case pause(RequestID)
  case resume(RequestID)
  /// The stream may go on while what was sent of it is less than this. (``TunnelFeatures/window``)
  case window(RequestID, Int64)
  /// A type that is not known here, to be passed over.
  case unknown
}

/// An agent that a relay serves.
public struct RegisteredAgent: Hashable, Sendable {
  public let address: Address
  /// Where the world reaches it, as the relay says.
  public let url: String

  public init(address: Address, url: String) {
    self.address = address
    self.url = url
  }
}

/// An agent that a relay does not take.
public struct RejectedAgent: Hashable, Sendable {
  public let address: Address
  public let reason: TunnelErrorCode

  public init(address: Address, reason: TunnelErrorCode) {
    self.address = address
    self.reason = reason
  }
}
