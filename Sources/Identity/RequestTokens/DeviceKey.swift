import Crypto
import Foundation
public import SecretMemory

/// The name of a device: eight lowercase hexadecimal digits. It tells devices apart and proves nothing. (spec/01, A6)
public struct DeviceID: Hashable, Sendable {
  public let text: String

  /// Takes exactly eight lowercase digits; nil for anything else.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 8, let bytes = Hex.decode(text), Hex.string(bytes) == text else { return nil }
    self.text = String(text)
  }

  init(bytes: some Collection<UInt8>) { text = Hex.string(bytes) }
}

/// By what others know a device's signatures: a point of P-256.
public struct DevicePublicKey: Hashable, Sendable {
  /// The point, compressed (SEC 1, 2.3.3): 33 bytes.
  public let bytes: [UInt8]

  private init(_ key: P256.Signing.PublicKey) { bytes = Array(key.compressedRepresentation) }

  fileprivate init(of key: P256.Signing.PrivateKey) { self.init(key.publicKey) }

  /// Takes 33 bytes in base64url; nil for anything that is no compressed point.
  public init?(_ text: some StringProtocol) {
    guard let bytes = Base64URL.decode(text), bytes.count == 33,
      let key = try? P256.Signing.PublicKey(compressedRepresentation: bytes)
    else { return nil }
    self.init(key)
  }

  /// The 33 bytes in base64url.
  public var text: String { Base64URL.string(bytes) }

  /// Whether `signature`, r ‖ s, was made by this device over the payload.
  func isValid(_ signature: [UInt8], over payload: [UInt8]) -> Bool {
    guard let key = try? P256.Signing.PublicKey(compressedRepresentation: bytes),
      let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
    else { return false }
    return key.isValidSignature(signature, for: SHA256.hash(data: payload))
  }
}

/// What makes a device itself: its name, and a P-256 key that never leaves it. Both rest as one item of 36 bytes, so
/// that neither is ever without the other.
public final class DeviceKey: Sendable {
  /// Four bytes of name, 32 of private key.
  public static let byteCount = 36
  private static let nameCount = 4

  public let id: DeviceID
  public let publicKey: DevicePublicKey
  private let secret: SecretBytes

  /// Takes the item as it rests.
  /// - Throws: ``IdentityError/malformedDeviceKey``.
  public init(_ item: consuming SecretBytes) throws(IdentityError) {
    guard item.count == Self.byteCount else { throw .malformedDeviceKey }
    let parts = item.withUnsafeBytes { bytes -> (DeviceID, DevicePublicKey)? in
      let scalar = UnsafeRawBufferPointer(rebasing: bytes[Self.nameCount...])
      guard let key = try? P256.Signing.PrivateKey(rawRepresentation: scalar) else { return nil }
      return (DeviceID(bytes: bytes[..<Self.nameCount]), DevicePublicKey(of: key))
    }
    guard let parts else { throw .malformedDeviceKey }
    (id, publicKey) = parts
    secret = item
  }

  /// A new device from the system's random generator.
  /// - Throws: ``IdentityError/malformedDeviceKey`` with a probability of 2⁻³².
  public static func generate() throws(IdentityError) -> DeviceKey {
    try DeviceKey(.random(count: byteCount))
  }

  /// Lends the item to `body`, for storing it.
  public func withItem<R, E: Error>(_ body: (borrowing SecretBytes) throws(E) -> R) throws(E) -> R {
    try body(secret)
  }

  /// Signs SHA-256 of the payload: r ‖ s, 64 bytes.
  func signature(over payload: [UInt8]) -> [UInt8] {
    secret.withUnsafeBytes { bytes in
      let scalar = UnsafeRawBufferPointer(rebasing: bytes[Self.nameCount...])
      guard let key = try? P256.Signing.PrivateKey(rawRepresentation: scalar),
        let signature = try? key.signature(for: SHA256.hash(data: payload))
      else { preconditionFailure("the key was checked before") }
      return Array(signature.rawRepresentation)
    }
  }
}
