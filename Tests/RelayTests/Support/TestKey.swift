import Identity
import SecretMemory

/// Keys of agents that tests make up.
enum TestKey {
  static func make(_ number: UInt32) -> SigningKey {
    var scalar = [UInt8](repeating: 7, count: 32)
    withUnsafeBytes(of: number.bigEndian) { scalar.replaceSubrange(4..<8, with: $0) }
    // It is below the order of the curve, and not zero.
    guard let key = try? SigningKey(scalar: SecretBytes(taking: &scalar)) else { fatalError("no key") }
    return key
  }
}
