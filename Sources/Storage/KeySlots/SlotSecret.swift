public import Identity
public import Keyring
import SecretMemory

/// What opens a key slot: the identity that the 24 words bring back, or a passphrase.
public enum SlotSecret: ~Copyable, Sendable {
  case phrase(MasterKey)
  case passphrase(Passphrase)

  /// The identity; nil for a passphrase.
  public var identity: MasterKey? {
    switch self {
    case .phrase(let master): master
    case .passphrase: nil
    }
  }

  /// The key that this gives for a slot, 32 bytes; nil where the slot is of another kind or another identity's.
  /// - Throws: ``StorageError/file(_:)``.
  borrowing func key(for kind: KeySlot.Kind) throws(StorageError) -> SecretBytes? {
    switch self {
    case .phrase(let master):
      guard case .phrase(master.address) = kind else { return nil }
      var key: SecretBytes?
      master.withEntropy { key = DataKey.derive("osaurus-slot-v1:phrase", from: $0) }
      return key
    case .passphrase(let passphrase):
      guard case .passphrase(let cost, let salt) = kind else { return nil }
      do {
        return try cost.key(for: passphrase, salt: salt)
      } catch {
        throw .file(error)
      }
    }
  }
}
