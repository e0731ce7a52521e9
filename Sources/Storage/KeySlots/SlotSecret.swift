public import Identity
public import Keyring
import SecretMemory

/// What opens a key slot: the identity that the 24 words bring back, a passphrase, or this machine.
public enum SlotSecret: ~Copyable, Sendable {
  case phrase(MasterKey)
  case passphrase(Passphrase)
  /// What this machine keeps for root, or in its TPM; for a new slot, with what it is sealed.
  case credential(SystemdCredentials.Binding)

  /// The name under which the secret of a slot is sealed.
  static let credentialName = "osaurus-slot"

  /// Whether it is this machine.
  public var isCredential: Bool {
    switch self {
    case .credential: true
    case .phrase: false
    case .passphrase: false
    }
  }

  /// The identity; nil for everything but the words.
  public var identity: MasterKey? {
    switch self {
    case .phrase(let master): master
    case .passphrase: nil
    case .credential: nil
    }
  }

  /// The key that this gives for a slot, 32 bytes, for a passphrase a private key of X25519; nil where the slot is of
  /// another kind or another identity's.
  /// - Throws: ``StorageError/file(_:)``.
  borrowing func key(for kind: KeySlot.Kind) throws(StorageError) -> SecretBytes? {
    switch self {
    case .phrase(let master):
      guard case .phrase(master.address) = kind else { return nil }
      var key: SecretBytes?
      master.withEntropy { key = DataKey.derive("osaurus-slot-v1:phrase", from: $0) }
      return key
    case .passphrase(let passphrase):
      guard case .passphrase(let cost, let salt, _) = kind else { return nil }
      do {
        return try cost.key(for: passphrase, salt: salt)
      } catch {
        throw .file(error)
      }
    case .credential:
      guard case .credential(let sealed) = kind else { return nil }
      do {
        let secret = try SystemdCredentials().decrypt(sealed, name: Self.credentialName)
        return secret.withUnsafeBytes { DataKey.derive("osaurus-slot-v1:credential", from: $0) }
      } catch {
        throw .file(error)
      }
    }
  }
}
