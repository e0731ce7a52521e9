public import Foundation
public import Keyring

/// Where the keys of a host rest, and what that means in plain words.
public enum HostKeyStore {
  /// What a place protects from, and what not.
  public static func plainWords(_ kind: KeyStoreKind) -> String {
    switch kind {
    case .secretService: "The keys rest in your desktop keyring, which is opened when you log in."
    case .file: FileKeyStore.plainWords
    }
  }

  /// The place of this kind.
  public static func open(_ kind: KeyStoreKind, hostID: UUID, folders: HostFolders) -> any KeyStore {
    switch kind {
    case .secretService: SecretServiceKeyStore(hostID: hostID)
    case .file: FileKeyStore(file: folders.keyFile)
    }
  }

  /// The place that was asked for or, where none was, the keyring if one answers, else a file.
  public static func choose(_ wanted: KeyStoreKind?) throws(KeyringError) -> KeyStoreKind {
    switch wanted {
    case .file: return .file
    case .secretService:
      try SecretServiceKeyStore.probe()
      return .secretService
    case nil:
      do {
        try SecretServiceKeyStore.probe()
        return .secretService
      } catch {
        return .file
      }
    }
  }
}
