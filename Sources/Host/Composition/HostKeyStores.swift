public import Foundation
public import Keyring

/// Where the keys of this machine's host, and those for the hosts that it connects to, rest; and moving them.
public struct HostKeyStores: Sendable {
  /// Whose keys.
  public enum Tenant: String, CaseIterable, Sendable {
    case host
    case connector

    fileprivate func owns(_ item: KeyItem) -> Bool {
      switch item {
      case .peerKey, .connectorSeed: self == .connector
      case .masterKey, .nextMasterKey, .dataKey, .nextDataKey, .keyRotation, .deviceKey, .modelKey:
        self == .host
      }
    }
  }

  /// What is known of the keys of one tenant.
  public struct Report: Sendable {
    public let tenant: Tenant
    public let choice: KeyStoreChoice
    /// The file with the keys; nil for the desktop's keyring.
    public let file: URL?
    /// The names of the items, sorted.
    public let items: [String]
    /// Why the store does not answer; nil where it does.
    public let problem: KeyringError?
  }

  private let folders: HostFolders
  private let passphrases: any PassphraseSource

  /// - Parameter passphrases: who is asked for the passphrase of a key store.
  public init(folders: HostFolders, passphrases: any PassphraseSource = SystemPassphraseSource()) {
    self.folders = folders
    self.passphrases = passphrases
  }

  /// Looks at the key stores. Nothing is opened or changed, and nobody is asked for a passphrase.
  /// - Throws: what keeps the settings from being read; ``HostError/notInitialised`` where there are none.
  public func reports() throws -> [Report] {
    let found = try tenants()
    guard !found.isEmpty else { throw HostError.notInitialised }
    return found.map { tenant, id, choice in
      let file: URL? =
        switch choice.current {
        case .secretService: nil
        case .passphrase: folders.passphraseKeyFile
        case .systemdCredential: folders.credentialKeyFile
        case .file: folders.keyFile
        }
      do throws(KeyringError) {
        let names = try HostKeyStore.open(choice.current, hostID: id, folders: folders).names()
        let items = names.sorted().filter { KeyItem(name: $0).map(tenant.owns) == true }
        return Report(tenant: tenant, choice: choice, file: file, items: items, problem: nil)
      } catch {
        return Report(tenant: tenant, choice: choice, file: file, items: [], problem: error)
      }
    }
  }

  /// Moves all keys, while no service runs.
  /// - Returns: the names of the items that rest in the new store.
  /// - Throws: ``HostError/dataInUse(folder:)`` while a service runs, ``HostError/notInitialised``, `KeyringError`. What
  ///   was begun then, the same call finishes.
  public func move(to target: KeyStoreKind) throws -> [String] {
    guard !(try tenants()).isEmpty else { throw HostError.notInitialised }
    try folders.create()
    try KeyRotation(folders: folders).finish()
    guard let lock = try FileLock(tryFor: folders.serviceLock) else {
      throw HostError.dataInUse(folder: folders.data.path)
    }
    defer { withExtendedLifetime(lock) {} }
    _ = try HostKeyStore.choose(target)
    return try tenants().flatMap { tenant, id, choice in
      let (folders, passphrases) = (folders, passphrases)
      let move = KeyMove(
        store: { HostKeyStore.open($0, hostID: id, folders: folders, passphrases: passphrases) },
        owns: tenant.owns, write: { try tenant.write($0, folders) })
      return try move.run(choice, to: target)
    }
  }

  private func tenants() throws -> [(Tenant, UUID, KeyStoreChoice)] {
    var found: [(Tenant, UUID, KeyStoreChoice)] = []
    if let file = try HostSettingsFile.read(folders) {
      guard file.isComplete else { throw HostError.unfinishedInitialisation }
      let choice = KeyStoreChoice(
        current: file.keystore, copyingTo: file.keystoreCopyingTo, leaving: file.keystoreLeaving)
      found.append((.host, file.hostID, choice))
    }
    if let file = try ConnectorSettings.read(folders) {
      let choice = KeyStoreChoice(
        current: file.keystore, copyingTo: file.keystoreCopyingTo, leaving: file.keystoreLeaving)
      found.append((.connector, file.id, choice))
    }
    return found
  }
}

extension HostKeyStores.Tenant {
  /// Writes down where the keys rest. What else the file says is read anew, so that nothing of it is lost.
  fileprivate func write(_ choice: KeyStoreChoice, _ folders: HostFolders) throws {
    switch self {
    case .host:
      guard var file = try HostSettingsFile.read(folders) else { throw HostError.notInitialised }
      file.keystore = choice.current
      file.keystoreCopyingTo = choice.copyingTo
      file.keystoreLeaving = choice.leaving
      try file.write(folders)
    case .connector:
      guard var file = try ConnectorSettings.read(folders) else { throw HostError.notInitialised }
      file.keystore = choice.current
      file.keystoreCopyingTo = choice.copyingTo
      file.keystoreLeaving = choice.leaving
      try file.write(folders)
    }
  }
}
