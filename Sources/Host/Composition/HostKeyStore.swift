public import Foundation
import Identity
public import Keyring
import SecretMemory
import Storage

/// Where the keys of a host rest, and what that means in plain words.
public enum HostKeyStore {
  /// What a place protects from, and what not.
  public static func plainWords(_ kind: KeyStoreKind) -> String {
    switch kind {
    case .secretService: "The keys rest in your desktop keyring, which is opened when you log in."
    case .passphrase:
      """
      The keys rest in a file that opens under your passphrase alone. Whoever has a copy of the file can try \
      passphrases, half a second each on a machine like this one.
      """
    case .systemdCredential:
      """
      The keys rest in a file that opens with a systemd credential, which only this machine can decrypt, and only for \
      root. Without this machine, the 24 words bring them back.
      """
    case .file: FileKeyStore.plainWords
    }
  }

  /// The place of this kind.
  /// - Parameter passphrases: who is asked for a passphrase, where this needs one.
  public static func open(
    _ kind: KeyStoreKind, hostID: UUID, folders: HostFolders,
    passphrases: any PassphraseSource = SystemPassphraseSource()
  ) -> any KeyStore {
    switch kind {
    case .secretService: SecretServiceKeyStore(hostID: hostID)
    case .passphrase: SealedKeyStore.passphrase(file: folders.passphraseKeyFile, asking: passphrases)
    case .systemdCredential: SealedKeyStore.credential(folders: folders)
    case .file: FileKeyStore(file: folders.keyFile)
    }
  }

  /// The identity and the data key of a host.
  /// - Throws: ``HostError/keysMissing(keyStore:)`` where they are not in their place, `KeyringError` where it cannot be
  ///   asked, and what `MasterKey` and `DataKey` say of something else.
  static func keys(of settings: HostSettings, folders: HostFolders) throws -> (MasterKey, DataKey) {
    let store = open(settings.keyStore, hostID: settings.hostID, folders: folders)
    guard let entropy = try store.load(.masterKey), let dataKey = try store.load(.dataKey) else {
      throw HostError.keysMissing(keyStore: settings.keyStore.rawValue)
    }
    return (try MasterKey(entropy: entropy), try DataKey(dataKey))
  }

  /// The place that was asked for or, where none was, the keyring if there is one, else a file.
  ///
  /// - Throws: `KeyringError` where a keyring is there that takes no key now, being locked or without a collection. A
  ///   file is then a choice for the owner to make.
  public static func choose(_ wanted: KeyStoreKind?) throws(KeyringError) -> KeyStoreKind {
    switch wanted {
    case .file, .passphrase: return wanted ?? .file
    case .systemdCredential:
      try SystemdCredentials().probe()
      return .systemdCredential
    case .secretService, nil: break
    }
    do {
      try SecretServiceKeyStore.probe()
    } catch {
      if wanted == nil, case .unavailable = error { return .file }
      throw error
    }
    try tryKeyring()
    return .secretService
  }

  /// Puts something of no use into the keyring and takes it away, under a host's id that no host has.
  private static func tryKeyring() throws(KeyringError) {
    let store = SecretServiceKeyStore(hostID: UUID())
    try store.store(SecretBytes.random(count: 32), as: .dataKey)
    try store.remove(.dataKey)
  }
}
