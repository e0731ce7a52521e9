public import Identity
public import NIOCore

/// What a host says to a relay. (spec/03, D2)
public enum HostFrame: Hashable, Sendable {
  /// The proofs of the first agents, all over one nonce and time.
  case auth(TunnelAuthentication)
  case addAgent(AgentProof, nonce: TunnelNonce, timestamp: Int64)
  case removeAgent(Address)
  case requestChallenge
  /// The time of the ping, where the host repeats it.
  case pong(Int64?)
  case answer(RelayAnswer)
  case streamStart(RelayAnswerHead)
  /// A piece of a stream. An empty one says that the stream lives.
  case streamChunk(RequestID, ByteBuffer)
  case streamEnd(RequestID)
  /// The answer broke off; more will not come. (``TunnelFeatures/cancel``)
  case cancel(RequestID)
  /// A type that is not known here, to be passed over.
  case unknown
}

/// What a host opens its tunnel with.
public struct TunnelAuthentication: Hashable, Sendable {
  public let agents: [AgentProof]
  /// nil where what was sent cannot have been a relay's.
  public let nonce: TunnelNonce?
  /// Unix seconds.
  public let timestamp: Int64
  public let features: TunnelFeatures

  public init(
    agents: [AgentProof], nonce: TunnelNonce?, timestamp: Int64, features: TunnelFeatures = []
  ) {
    self.agents = agents
    self.nonce = nonce
    self.timestamp = timestamp
    self.features = features
  }
}
