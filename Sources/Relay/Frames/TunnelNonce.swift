import Crypto
import Identity
import SecretMemory

/// What a relay asks a host to sign: 64 hexadecimal digits, used once.
///
/// A relay of ours binds its nonces to its name: the second half is a digest of the first and the name. A host that dialled
/// this name and finds the nonce bound to it knows that it did not come from another relay by way of somebody in
/// between, whose proofs would be good there.
public struct TunnelNonce: Hashable, Sendable {
  /// The digits as they were sent.
  public let text: String

  /// Takes exactly 64 hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 64, Hex.decode(text) != nil else { return nil }
    self.text = String(text)
  }

  /// A new nonce, bound to a relay.
  /// - Parameter relay: the name by which the host dialled it, without a port.
  public static func make(for relay: String) -> TunnelNonce {
    let random = Hex.string(RandomBytes.make(16))
    return TunnelNonce(bound: random + Self.tag(random, relay))
  }

  /// Whether the relay of this name made the nonce, or somebody who knows that it is to look so.
  /// - Parameter relay: the name that was dialled, without a port.
  public func isBound(to relay: String) -> Bool {
    Self.tag(String(text.prefix(32)).lowercased(), relay) == text.suffix(32).lowercased()
  }

  private init(bound text: String) { self.text = text }

  private static func tag(_ random: String, _ relay: String) -> String {
    var name = relay.lowercased()
    if name.hasSuffix(".") { name.removeLast() }
    return Hex.string(
      Array(SHA256.hash(data: Array("osaurus-relay-nonce:\(name):\(random)".utf8))).prefix(16))
  }
}
