/// A secp256k1 signature from which the signer's address can be told: r (32 bytes) ‖ s (32 bytes) ‖ v.
///
/// Only the form that signers make can exist: v is 27 or 28, and s is in the lower half of the order, so that a
/// signature has one encoding. Whether r and s fit the curve is seen at recovery. (spec/01, A4)
public struct RecoverableSignature: Hashable, Sendable {
  /// The number of bytes.
  public static let byteCount = 65

  /// r ‖ s ‖ v.
  public let bytes: [UInt8]

  /// Takes exactly 65 bytes of the one form; nil for anything else.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    let bytes = Array(bytes)
    guard bytes[64] == 27 || bytes[64] == 28 else { return nil }
    guard !Self.halfOrder.lexicographicallyPrecedes(bytes[32..<64]) else { return nil }
    self.bytes = bytes
  }

  /// Takes 130 hexadecimal digits, with or without a lowercase `0x` before them.
  public init?(hex: some StringProtocol) {
    let digits = hex.hasPrefix("0x") ? hex.dropFirst(2) : hex[...]
    guard let bytes = Hex.decode(digits) else { return nil }
    self.init(bytes: bytes)
  }

  init(signed bytes: [UInt8]) { self.bytes = bytes }

  /// 130 lowercase digits.
  public var hex: String { Hex.string(bytes) }

  /// `0x` and 130 lowercase digits.
  public var prefixedHex: String { "0x" + hex }

  /// Whose signature this is, if it was made over `payload` in `domain`; nil when no key can have made it.
  public func recoverAddress(of payload: UnsafeRawBufferPointer, in domain: SigningDomain) -> Address? {
    Secp256k1.recover(self, digest: domain.digest(of: payload))
  }

  /// Whose signature this is, if it was made over `payload` in `domain`; nil when no key can have made it.
  public func recoverAddress(of payload: [UInt8], in domain: SigningDomain) -> Address? {
    payload.withUnsafeBytes { recoverAddress(of: $0, in: domain) }
  }

  /// Half of the order of the curve, rounded down (SEC 2, 2.4.1).
  private static let halfOrder: [UInt8] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
  ]
}
