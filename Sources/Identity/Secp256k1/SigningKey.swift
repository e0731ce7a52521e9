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
    var bytes = [UInt8](repeating: 0, count: RecoverableSignature.byteCount)
    bytes.withUnsafeMutableBytes { sign(payload, in: domain, to: $0) }
    return RecoverableSignature(signed: bytes)
  }

  /// Signs as ``sign(_:in:)-(UnsafeRawBufferPointer,_)`` does, for where the signature is to stay a secret.
  func secretSignature(of payload: [UInt8], in domain: SigningDomain) -> SecretBytes {
    SecretBytes(count: RecoverableSignature.byteCount) { output in
      payload.withUnsafeBytes { sign($0, in: domain, to: output) }
    }
  }

  private func sign(
    _ payload: UnsafeRawBufferPointer, in domain: SigningDomain, to output: UnsafeMutableRawBufferPointer
  ) {
    let digest = domain.digest(of: payload)
    scalar.withUnsafeBytes { Secp256k1.sign(digest: digest, scalar: $0, to: output) }
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
