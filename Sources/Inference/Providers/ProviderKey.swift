public import SecretMemory

/// The key of a model server, in guarded memory. It is never part of a description.
public final class ProviderKey: Sendable {
  private let secret: BearerSecret

  /// - Parameter bytes: the key; spaces and line ends around it are dropped.
  /// - Throws: `InferenceError.invalidKey` unless it is 1 to 4,096 visible ASCII characters.
  public init(_ bytes: consuming SecretBytes) throws(InferenceError) {
    guard let secret = BearerSecret(trimming: bytes) else { throw .invalidKey }
    self.secret = secret
  }

  /// Lends the key itself.
  package func withBytes<R, E: Error>(_ body: (borrowing SecretBytes) throws(E) -> R) throws(E) -> R {
    try secret.withBytes(body)
  }

  /// Lends the value of the `Authorization` header.
  func withAuthorization<R>(_ body: (String) throws -> R) rethrows -> R { try secret.withAuthorization(body) }

  /// `text` without the key, should a server have repeated it.
  func redact(_ text: String) -> String { secret.redact(text) }
}
