/// Who is asked for the passphrase of a key store.
public protocol PassphraseSource: Sendable {
  /// How often it may be asked for until it is right.
  var attempts: Int { get }

  /// The passphrase of a key store that is there.
  /// - Parameter path: its file.
  func passphrase(for path: String) throws(KeyringError) -> Passphrase

  /// The passphrase of a new one.
  func newPassphrase() throws(KeyringError) -> Passphrase
}

/// A passphrase that is known already.
public struct GivenPassphrase: PassphraseSource {
  /// A value that can be kept in one that is copied.
  private final class Kept: Sendable {
    let passphrase: Passphrase

    init(_ passphrase: consuming Passphrase) { self.passphrase = passphrase }
  }

  public let attempts = 1
  private let kept: Kept

  public init(_ passphrase: consuming Passphrase) { kept = Kept(passphrase) }

  public func passphrase(for path: String) -> Passphrase { kept.passphrase.copy() }

  public func newPassphrase() throws(KeyringError) -> Passphrase {
    try kept.passphrase.checkLength()
    return kept.passphrase.copy()
  }
}
