/// A secret that goes into a header of HTTP: visible ASCII, in guarded memory.
package struct BearerSecret: ~Copyable, Sendable {
  /// The longest one, in bytes.
  package static let limit = 4096

  private let bytes: SecretBytes

  /// - Parameters:
  ///   - text: the secret; spaces and line ends around it are dropped.
  ///   - isWhole: what else there is to say about it.
  /// - Returns: nil unless it is 1 to ``limit`` visible ASCII characters and `isWhole`.
  package init?(
    trimming text: consuming SecretBytes, where isWhole: (UnsafeRawBufferPointer) -> Bool = { _ in true }
  ) {
    let trimmed: SecretBytes? = text.withUnsafeBytes { raw in
      func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }
      guard let first = raw.firstIndex(where: { !isBlank($0) }),
        let last = raw.lastIndex(where: { !isBlank($0) }), last - first < Self.limit
      else { return nil }
      let secret = UnsafeRawBufferPointer(rebasing: raw[first...last])
      guard secret.allSatisfy({ (0x21...0x7e).contains($0) }), isWhole(secret) else { return nil }
      return SecretBytes(copying: secret)
    }
    guard let trimmed else { return nil }
    bytes = trimmed
  }

  /// Lends the secret itself.
  package borrowing func withBytes<R, E: Error>(_ body: (borrowing SecretBytes) throws(E) -> R) throws(E) -> R
  {
    try body(bytes)
  }

  /// Lends the value of the `Authorization` header.
  package borrowing func withAuthorization<R, E: Error>(_ body: (String) throws(E) -> R) throws(E) -> R {
    try bytes.withUnsafeBytes { raw throws(E) in try body("Bearer " + String(decoding: raw, as: UTF8.self)) }
  }

  /// `text` without the secret, should somebody have repeated it.
  package borrowing func redact(_ text: String) -> String {
    bytes.withUnsafeBytes { raw in text.replacing(String(decoding: raw, as: UTF8.self), with: "…") }
  }
}
