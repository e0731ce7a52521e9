public import Foundation
import SecretMemory

extension SealedKeyStore {
  /// Keys that rest in a file under a passphrase, through Argon2id.
  public static func passphrase(file: URL, asking source: any PassphraseSource) -> SealedKeyStore {
    passphrase(file: file, asking: source, cost: nil)
  }

  /// - Parameter cost: what a new file costs to open; nil for half a second.
  static func passphrase(
    file: URL, asking source: any PassphraseSource, cost: Argon2Parameters?
  ) -> SealedKeyStore {
    SealedKeyStore(
      kind: .passphrase, file: file, source: PassphraseSealing(source: source, cost: cost))
  }
}

/// Makes keys of sealed files from passphrases.
private struct PassphraseSealing: SealingKeySource {
  let source: any PassphraseSource
  let cost: Argon2Parameters?

  var attempts: Int { source.attempts }

  func key(for lock: SealedKeyFile.Lock, path: String) throws(KeyringError) -> SealingKey {
    guard case .passphrase(let cost, let salt) = lock else { throw .malformed(path: path) }
    return SealingKey(try cost.key(for: source.passphrase(for: path), salt: salt))
  }

  func make() throws(KeyringError) -> (SealedKeyFile.Lock, SealingKey) {
    let passphrase = try source.newPassphrase()
    let chosen = if let cost { cost } else { try Argon2Parameters.measured() }
    let salt = RandomBytes.make(Argon2Parameters.saltSize)
    return (.passphrase(chosen, salt: salt), SealingKey(try chosen.key(for: passphrase, salt: salt)))
  }

  func discard(_ lock: SealedKeyFile.Lock) {}
}
