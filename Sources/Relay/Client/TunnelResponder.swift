public import Identity

/// Answers what comes through a tunnel.
public protocol TunnelResponder: Sendable {
  /// Answers a request that was sent to one of the agents that are up. Its task is cancelled when nobody waits for the answer
  /// any more; what is not answered or not finished when it returns is broken off.
  func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async
}
