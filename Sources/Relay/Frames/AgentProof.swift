public import Identity

/// An agent's proof to a relay that whoever opens the tunnel speaks for it: a signature by its key (EIP-191) of
/// `osaurus-tunnel:<address as sent>:<nonce>:<timestamp>`. (spec/03, D3)
public struct AgentProof: Hashable, Sendable {
  public let address: Address
  /// The address as it is sent and signed. Hosts send it with its checksum.
  public let spelling: String
  /// What was sent as the signature; nil where it cannot be one.
  public let signature: RecoverableSignature?

  /// Signs for `key`'s agent.
  /// - Parameter timestamp: the Unix second of now.
  public init(by key: SigningKey, nonce: TunnelNonce, timestamp: Int64) {
    address = key.address
    spelling = key.address.checksummed
    signature = key.sign(
      Self.message(spelling: spelling, nonce: nonce, timestamp: timestamp), in: .ethereum)
  }

  init(address: Address, spelling: String, signature: RecoverableSignature?) {
    self.address = address
    self.spelling = spelling
    self.signature = signature
  }

  /// Whether the agent's own key signed this nonce and time.
  public func isValid(nonce: TunnelNonce, timestamp: Int64) -> Bool {
    let message = Self.message(spelling: spelling, nonce: nonce, timestamp: timestamp)
    return signature?.recoverAddress(of: message, in: .ethereum) == address
  }

  private static func message(spelling: String, nonce: TunnelNonce, timestamp: Int64) -> [UInt8] {
    Array("osaurus-tunnel:\(spelling):\(nonce.text):\(timestamp)".utf8)
  }
}
