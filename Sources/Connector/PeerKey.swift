public import SecretMemory

/// The access key for a peer, in guarded memory. It is never part of a description, and leaves this machine only
/// sealed.
public final class PeerKey: Sendable {
  /// The longest key, in bytes.
  static let limit = 4096

  private let bytes: SecretBytes

  /// - Parameter text: the key as its owner gave it; spaces and line ends around it are dropped.
  /// - Throws: ``ConnectorError/invalidKey`` unless it is `osk-v1.` and two more parts of visible ASCII. Whether the
  ///   peer accepts it is for the peer to say.
  public init(_ text: consuming SecretBytes) throws(ConnectorError) {
    let trimmed: SecretBytes? = text.withUnsafeBytes { raw in
      func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }
      guard let first = raw.firstIndex(where: { !isBlank($0) }),
        let last = raw.lastIndex(where: { !isBlank($0) }), last - first < Self.limit
      else { return nil }
      let key = UnsafeRawBufferPointer(rebasing: raw[first...last])
      let parts = key.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      guard parts.count == 3, parts[0].elementsEqual("osk-v1".utf8), parts.allSatisfy({ !$0.isEmpty }),
        key.allSatisfy({ (0x21...0x7e).contains($0) })
      else { return nil }
      return SecretBytes(copying: key)
    }
    guard let trimmed else { throw .invalidKey }
    bytes = trimmed
  }

  /// Lends the value of the `Authorization` header.
  func withAuthorization<R>(_ body: (String) -> R) -> R {
    bytes.withUnsafeBytes { body("Bearer " + String(decoding: $0, as: UTF8.self)) }
  }

  /// Lends the key, to be kept in a key store.
  func withSecret<R, E: Error>(_ body: (borrowing SecretBytes) throws(E) -> R) throws(E) -> R {
    try body(bytes)
  }

  /// `text` without the key, should a peer have repeated it.
  func redact(_ text: String) -> String {
    bytes.withUnsafeBytes { raw in text.replacing(String(decoding: raw, as: UTF8.self), with: "…") }
  }
}
