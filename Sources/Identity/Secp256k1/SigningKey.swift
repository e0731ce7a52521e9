public import SecretMemory

/// A secp256k1 private key, in guarded memory for as long as it lives.
public final class SigningKey: Sendable {
  private let scalar: SecretBytes

  /// The address that signatures of this key recover to.
  public let address: Address

  /// Takes a 32-byte scalar.
  /// - Throws: ``IdentityError/invalidScalar`` when it is zero or not below the order of the curve.
  public init(scalar: consuming SecretBytes) throws(IdentityError) {
    let address = scalar.withUnsafeBytes { bytes in
      Secp256k1.isScalar(bytes) ? Secp256k1.address(ofScalar: bytes) : nil
    }
    guard let address else { throw .invalidScalar }
    self.address = address
    self.scalar = scalar
  }

  /// Signs `payload` for `domain`, deterministically (RFC 6979, low s).
  public func sign(_ payload: UnsafeRawBufferPointer, in domain: SigningDomain) -> RecoverableSignature {
    let digest = domain.digest(of: payload)
    return scalar.withUnsafeBytes {
      RecoverableSignature(signed: Secp256k1.sign(digest: digest, scalar: $0))
    }
  }

  /// Signs `payload` for `domain`, deterministically (RFC 6979, low s).
  public func sign(_ payload: [UInt8], in domain: SigningDomain) -> RecoverableSignature {
    payload.withUnsafeBytes { sign($0, in: domain) }
  }

  func withScalar<R: ~Copyable, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try scalar.withUnsafeBytes(body)
  }
}
