import Crypto
public import SecretMemory

/// The secret from which a machine's keys for pairing with other hosts derive: another key for every agent, so that two
/// hosts that compare what they know cannot tell that the same machine pairs with both.
///
/// It has nothing to do with the identity of a host that this machine may have besides.
public final class ConnectorSeed: Sendable {
  public static let byteCount = 32

  private let secret: SecretBytes

  /// Takes what a key store kept; nil for anything else than 32 bytes.
  public init?(_ secret: consuming SecretBytes) {
    guard secret.count == Self.byteCount else { return nil }
    self.secret = secret
  }

  private init(random secret: consuming SecretBytes) { self.secret = secret }

  /// A new one from the system's random generator.
  public static func generate() -> ConnectorSeed { ConnectorSeed(random: .random(count: byteCount)) }

  /// The key with which this machine asks for an agent: the first half of HMAC-SHA512(seed, "osaurus-connector-v1:" ‖
  /// agent).
  /// - Parameter agent: the agent as it is asked for.
  /// - Throws: ``IdentityError/invalidScalar`` with a probability of 2⁻¹²⁷.
  public func signingKey(for agent: String) throws(IdentityError) -> SigningKey {
    let code = secret.withUnsafeBytes { seed in
      HMAC<SHA512>.authenticationCode(
        for: Array("osaurus-connector-v1:\(agent)".utf8), using: SymmetricKey(data: seed))
    }
    let scalar = SecretBytes(count: 32) { scalar in
      code.withUnsafeBytes { scalar.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<32])) }
    }
    return try SigningKey(scalar: scalar)
  }

  /// Lends the bytes to `body`, for storing them.
  public func withSecret<R, E: Error>(_ body: (borrowing SecretBytes) throws(E) -> R) throws(E) -> R {
    try body(secret)
  }
}

extension ConnectorSeed: CustomStringConvertible, CustomReflectable {
  public var description: String { "ConnectorSeed" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
