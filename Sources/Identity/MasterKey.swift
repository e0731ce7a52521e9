import Crypto
import Foundation
public import SecretMemory

/// The number of an agent's key below the master. (spec/01, A3)
public struct AgentIndex: RawRepresentable, Hashable, Comparable, Codable, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static func < (left: AgentIndex, right: AgentIndex) -> Bool { left.rawValue < right.rawValue }
}

/// The root of a person's identity: 32 bytes that are at once a secp256k1 scalar and the entropy of a 24-word
/// phrase. Every agent's key derives from it. (spec/01, A1 and A3)
public final class MasterKey: Sendable {
  /// The master's own key, which signs for the whole host.
  public let signingKey: SigningKey

  /// Takes 32 bytes of entropy.
  /// - Throws: ``IdentityError/invalidScalar`` when they are no private key.
  public init(entropy: consuming SecretBytes) throws(IdentityError) {
    signingKey = try SigningKey(scalar: entropy)
  }

  /// The identity that a phrase brings back.
  public convenience init(mnemonic: borrowing Mnemonic) throws(IdentityError) {
    try self.init(entropy: mnemonic.entropy.copy())
  }

  /// A new identity from the system's random generator.
  /// - Throws: ``IdentityError/invalidScalar`` with a probability of 2⁻¹²⁷.
  public static func generate() throws(IdentityError) -> MasterKey {
    try MasterKey(entropy: .random(count: 32))
  }

  /// The address of the whole host.
  public var address: Address { signingKey.address }

  /// The key of an agent: the first half of HMAC-SHA512(master, "osaurus-agent-v1" ‖ index, big-endian).
  /// - Throws: ``IdentityError/invalidScalar`` with a probability of 2⁻¹²⁷.
  public func agentKey(_ index: AgentIndex) throws(IdentityError) -> SigningKey {
    let number = withUnsafeBytes(of: index.rawValue.bigEndian) { Array($0) }
    return try childKey(Array("osaurus-agent-v1".utf8) + number)
  }

  /// The key with which this identity pairs with other hosts: HMAC-SHA512(master, "osaurus-pair-v1").
  /// - Throws: ``IdentityError/invalidScalar`` with a probability of 2⁻¹²⁷.
  public func pairingKey() throws(IdentityError) -> SigningKey {
    try childKey(Array("osaurus-pair-v1".utf8))
  }

  /// The 24 words that bring this identity back.
  public func mnemonic() -> Mnemonic {
    signingKey.withScalar { Mnemonic(entropy: SecretBytes(copying: $0)) }
  }

  /// Lends the 32 bytes to `body`, for storing them. They must not be kept beyond it.
  public func withEntropy<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try signingKey.withScalar(body)
  }

  private func childKey(_ message: [UInt8]) throws(IdentityError) -> SigningKey {
    let code = signingKey.withScalar { master in
      HMAC<SHA512>.authenticationCode(for: message, using: SymmetricKey(data: master))
    }
    let scalar = SecretBytes(count: 32) { scalar in
      code.withUnsafeBytes { scalar.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<32])) }
    }
    return try SigningKey(scalar: scalar)
  }
}
