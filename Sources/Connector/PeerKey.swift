import Identity
public import SecretMemory

/// The access key for a peer, in guarded memory. It is never part of a description, and leaves this machine only
/// sealed.
public final class PeerKey: Sendable {
  private let secret: BearerSecret

  /// - Parameter text: the key as its owner gave it; spaces and line ends around it are dropped.
  /// - Throws: ``ConnectorError/invalidKey`` unless it is `osk-v1.` and two more parts of visible ASCII. Whether the
  ///   peer accepts it is for the peer to say.
  public init(_ text: consuming SecretBytes) throws(ConnectorError) {
    let secret = BearerSecret(trimming: text) { key in
      let parts = key.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      return parts.count == 3 && parts[0].elementsEqual("osk-v1".utf8) && parts.allSatisfy { !$0.isEmpty }
    }
    guard let secret else { throw .invalidKey }
    self.secret = secret
  }

  /// Whether the key says that it is for this agent alone. That is its own word, to go by and not to rely on.
  func isFor(_ agent: Address) -> Bool {
    secret.withBytes { secret in
      secret.withUnsafeBytes { key in
        let parts = key.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3,
          let claims = Base64URL.decode(UnsafeRawBufferPointer(rebasing: parts[1]))
        else { return false }
        var audience: String?
        let isWhole = claims.withUnsafeBytes { text in
          FlatJSON.scan(text) { key, value in
            FlatJSON.isKey(key, "aud") ? FlatJSON.fill(&audience, FlatJSON.text(value)) : true
          }
        }
        return isWhole && audience.flatMap { Address(ignoringChecksum: $0) } == agent
      }
    }
  }

  /// Lends the value of the `Authorization` header.
  func withAuthorization<R>(_ body: (String) -> R) -> R { secret.withAuthorization(body) }

  /// Lends the key, to be kept in a key store.
  func withSecret<R, E: Error>(_ body: (borrowing SecretBytes) throws(E) -> R) throws(E) -> R {
    try secret.withBytes(body)
  }

  /// `text` without the key, should a peer have repeated it.
  func redact(_ text: String) -> String { secret.redact(text) }
}
