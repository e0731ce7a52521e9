import CSecp256k1
import SecretMemory

/// The few calls of libsecp256k1 that an identity needs. Nothing reaches the library that its argument checks
/// could object to: they end the process.
enum Secp256k1 {
  // A context may be used by several threads once it is randomised; randomising it once, before the first use,
  // blinds signing against side channels (secp256k1.h, `secp256k1_context_randomize`).
  nonisolated(unsafe) private static let context: OpaquePointer = {
    guard let context = secp256k1_context_create(UInt32(SECP256K1_CONTEXT_NONE)) else {
      preconditionFailure("libsecp256k1 gave no context")
    }
    SecretBytes.random(count: 32).withUnsafeBytes { seed in
      let isBlinded = secp256k1_context_randomize(
        context, seed.baseAddress!.assumingMemoryBound(to: UInt8.self))
      precondition(isBlinded == 1, "libsecp256k1 refused its blinding")
    }
    return context
  }()

  /// Whether 32 bytes are a private key: neither zero nor at or above the order of the curve.
  static func isScalar(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count == 32
      && secp256k1_ec_seckey_verify(context, bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)) == 1
  }

  /// The address of a valid private key.
  static func address(ofScalar scalar: UnsafeRawBufferPointer) -> Address {
    var key = secp256k1_pubkey()
    let isMade = secp256k1_ec_pubkey_create(
      context, &key, scalar.baseAddress!.assumingMemoryBound(to: UInt8.self))
    precondition(isMade == 1, "the scalar was checked before")
    return address(of: &key)
  }

  /// Signs a 32-byte digest deterministically (RFC 6979) and writes r ‖ s ‖ v, with low s, to `output`.
  static func sign(
    digest: [UInt8], scalar: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer
  ) {
    precondition(digest.count == 32 && output.count == RecoverableSignature.byteCount)
    var signature = secp256k1_ecdsa_recoverable_signature()
    let isSigned = secp256k1_ecdsa_sign_recoverable(
      context, &signature, digest, scalar.baseAddress!.assumingMemoryBound(to: UInt8.self), nil, nil)
    precondition(isSigned == 1, "the scalar was checked before")
    var recoveryID: Int32 = 0
    secp256k1_ecdsa_recoverable_signature_serialize_compact(
      context, output.baseAddress!.assumingMemoryBound(to: UInt8.self), &recoveryID, &signature)
    output[64] = UInt8(27 + recoveryID)
  }

  /// The address whose key made `signature` over the digest, or nil when no key can have made it.
  static func recover(_ signature: RecoverableSignature, digest: [UInt8]) -> Address? {
    precondition(digest.count == 32)
    var parsed = secp256k1_ecdsa_recoverable_signature()
    let recoveryID = Int32(signature.bytes[64]) - 27
    guard
      secp256k1_ecdsa_recoverable_signature_parse_compact(
        context, &parsed, signature.bytes, recoveryID) == 1
    else { return nil }
    var key = secp256k1_pubkey()
    guard secp256k1_ecdsa_recover(context, &key, &parsed, digest) == 1 else { return nil }
    return address(of: &key)
  }

  private static func address(of key: inout secp256k1_pubkey) -> Address {
    withUnsafeTemporaryAllocation(byteCount: 65, alignment: 1) { buffer in
      var count = 65
      secp256k1_ec_pubkey_serialize(
        context, buffer.baseAddress!.assumingMemoryBound(to: UInt8.self), &count, &key,
        UInt32(SECP256K1_EC_UNCOMPRESSED))
      return Address(publicKey: UnsafeRawBufferPointer(rebasing: buffer[1...]))
    }
  }
}
