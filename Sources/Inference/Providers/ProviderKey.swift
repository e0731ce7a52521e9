public import SecretMemory

/// The key of a model server, in guarded memory. It is never part of a description.
public final class ProviderKey: Sendable {
  private let bytes: SecretBytes

  /// - Parameter bytes: the key; spaces and line ends around it are dropped.
  /// - Throws: `InferenceError.invalidKey` unless it is 1 to 4,096 visible ASCII characters.
  public init(_ bytes: consuming SecretBytes) throws(InferenceError) {
    let trimmed: SecretBytes? = bytes.withUnsafeBytes { raw in
      func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
      guard let first = raw.firstIndex(where: { !isBlank($0) }),
        let last = raw.lastIndex(where: { !isBlank($0) }), last - first < 4096,
        raw[first...last].allSatisfy({ (0x21...0x7E).contains($0) })
      else { return nil }
      return SecretBytes(copying: UnsafeRawBufferPointer(rebasing: raw[first...last]))
    }
    guard let trimmed else { throw .invalidKey }
    self.bytes = trimmed
  }

  /// Lends the key itself.
  package func withBytes<R, E: Error>(_ body: (borrowing SecretBytes) throws(E) -> R) throws(E) -> R {
    try body(bytes)
  }

  /// Lends the value of the `Authorization` header.
  func withAuthorization<R>(_ body: (String) throws -> R) rethrows -> R {
    try bytes.withUnsafeBytes { try body("Bearer " + String(decoding: $0, as: UTF8.self)) }
  }

  /// `text` without the key, should a server have repeated it.
  func redact(_ text: String) -> String {
    bytes.withUnsafeBytes { raw in
      text.replacing(String(decoding: raw, as: UTF8.self), with: "…")
    }
  }
}
