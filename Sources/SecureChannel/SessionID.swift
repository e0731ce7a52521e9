import Identity
import SecretMemory

/// What names a session: 16 random bytes, on the wire as base64url.
public struct SessionID: Hashable, Sendable {
  private let high: UInt64
  private let low: UInt64

  /// A new identifier from the system's random generator.
  public static func random() -> SessionID { SessionID(bytes: RandomBytes.make(16))! }

  /// Takes exactly 16 bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    (high, low) = bytes.withUnsafeBytes {
      (
        $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
        $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      )
    }
  }

  /// Reads base64url.
  public init?(_ text: String) {
    guard text.utf8.count <= 24, let bytes = Base64URL.decode(text) else { return nil }
    self.init(bytes: bytes)
  }

  /// Base64url, 22 characters.
  public var text: String {
    var bytes = [UInt8](repeating: 0, count: 16)
    bytes.withUnsafeMutableBytes {
      $0.storeBytes(of: high, toByteOffset: 0, as: UInt64.self)
      $0.storeBytes(of: low, toByteOffset: 8, as: UInt64.self)
    }
    return Base64URL.string(bytes)
  }
}
