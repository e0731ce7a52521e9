import Foundation
public import Identity
public import Keyring
import SecretMemory
import Storage
import Stores

/// Makes a host: its identity, the key of its databases, and its settings.
///
/// The order of the steps keeps a crash from losing anything. `host.json` comes first and says that the host is
/// not complete; then the keys go to where they rest and the data key into its slot for the 24 words, then the databases
/// are made, and only then is the host declared complete and the words shown. Until that, nobody has seen the identity and nothing depends on it: the next
/// `init` finishes what was begun, with the keys that are there. A lock is held all the while, so that two of them never
/// make one host.
public struct HostInitialiser: Sendable {
  private let folders: HostFolders
  private let passphrases: any PassphraseSource
  /// How long to wait for another `init` that is at work.
  private let patience: Duration
  /// Tests let the making end here.
  private let reached: @Sendable (Step) throws -> Void

  /// The places between two writes.
  enum Step: CaseIterable, Sendable {
    case begun, masterStored, dataKeyStored, slotsWritten, databasesMade, pastNoted, complete
  }

  /// - Parameter passphrases: who is asked for the passphrase, where the keys are to rest under one.
  public init(
    folders: HostFolders, passphrases: any PassphraseSource = SystemPassphraseSource()
  ) {
    self.init(folders: folders, passphrases: passphrases, patience: .seconds(10))
  }

  init(
    folders: HostFolders, passphrases: any PassphraseSource = SystemPassphraseSource(),
    patience: Duration = .seconds(10), reached: @escaping @Sendable (Step) throws -> Void = { _ in }
  ) {
    self.folders = folders
    self.passphrases = passphrases
    self.patience = patience
    self.reached = reached
  }

  /// What was made. It holds secrets; show them once and let go of it.
  public final class Made: Sendable {
    public let address: Address
    public let keyStore: KeyStoreKind
    /// Where the keys rest and what that protects from, in plain words.
    public let keyStoreWords: String
    public let recoveryCode: RecoveryCode
    private let master: MasterKey

    init(master: MasterKey, keyStore: KeyStoreKind, keyStoreWords: String) {
      address = master.address
      self.master = master
      self.keyStore = keyStore
      self.keyStoreWords = keyStoreWords
      recoveryCode = .random()
    }

    /// Lends the 24 words, in order, to `body`.
    public func withWords<R, E: Error>(_ body: ([String]) throws(E) -> R) throws(E) -> R {
      let mnemonic = master.mnemonic()
      return try mnemonic.withWords(body)
    }
  }

  /// Makes a host with a new identity.
  ///
  /// - Parameters:
  ///   - keyStore: where its keys shall rest; nil for the keyring if one answers, else a file.
  ///   - recoverySlot: whether the 24 words shall open what is stored. Without it there is no way back but the keys'
  ///     place.
  /// - Throws: ``HostError/alreadyInitialised(settings:)`` where there is one, ``HostError/initialisationRunning`` where
  ///   another process is making one; nothing was changed then.
  public func initialise(
    keyStore wanted: KeyStoreKind? = nil, recoverySlot: Bool = true
  ) async throws -> Made {
    try await initialise(keyStore: wanted, recoverySlot: recoverySlot) { try MasterKey.generate() }
  }

  /// Makes a host with the identity that `mnemonic` brings back. Nobody here knows what other hosts it had: agents are
  /// counted from a block of indices of this host's own.
  /// - Parameter oldKeys: what becomes of keys that were made on other hosts.
  public func initialise(
    keyStore wanted: KeyStoreKind? = nil, recoverySlot: Bool = true, from mnemonic: borrowing Mnemonic,
    oldKeys: OldAccessKeys = .shut
  ) async throws -> Made {
    let master = try MasterKey(mnemonic: mnemonic)
    return try await initialise(keyStore: wanted, recoverySlot: recoverySlot, recovering: oldKeys) { master }
  }

  private func initialise(
    keyStore wanted: KeyStoreKind?, recoverySlot: Bool, recovering oldKeys: OldAccessKeys? = nil,
    identity: () throws -> MasterKey
  ) async throws -> Made {
    let isRecovery = oldKeys != nil
    try folders.create()
    guard let lock = try await FileLock.waiting(for: folders.initialisationLock, patience: patience) else {
      throw HostError.initialisationRunning
    }
    defer { withExtendedLifetime(lock) {} }
    var settings = try begin(keyStore: wanted, isRecovery: isRecovery)
    try reached(.begun)
    let store = HostKeyStore.open(
      settings.keystore, hostID: settings.hostID, folders: folders, passphrases: passphrases)
    let master = try keptMaster(in: store, isRecovery: isRecovery) ?? identity()
    try master.withEntropy { bytes in try store.store(SecretBytes(copying: bytes), as: .masterKey) }
    try reached(.masterStored)
    let dataKey = try DataKey.provision(in: store, folders: folders)
    try reached(.dataKeyStored)
    // What was stored must be what is there, before anything is written under it.
    guard let check = try store.load(.masterKey), try MasterKey(entropy: check).address == master.address
    else {
      throw HostError.keyStoreForgets(settings.keystore.rawValue)
    }
    let slots = KeySlotFile(folders: folders, host: settings.hostID)
    // An earlier attempt may have left other ones; nobody has relied on them.
    if recoverySlot { try slots.start(with: .phrase(master), for: dataKey) } else { try slots.clear() }
    try reached(.slotsWritten)
    let mayHaveOthers = settings.isFromWords == true
    try await makeDatabases(
      under: dataKey, for: master.address, past: mayHaveOthers ? .unknown(oldKeys ?? .shut) : .none)
    settings.isComplete = true
    settings.isFromWords = nil
    try settings.write(folders)
    try reached(.complete)
    return Made(
      master: master, keyStore: settings.keystore,
      keyStoreWords: HostKeyStore.plainWords(settings.keystore))
  }

  private func makeDatabases(
    under key: DataKey, for address: Address, past: IdentityStore.Past
  ) async throws {
    let databases = try HostDatabases.open(in: folders, key: key)
    do {
      try databases.requireAll()
      try reached(.databasesMade)
      try await IdentityStore(databases.host).begin(for: address, past: past)
      try reached(.pastNoted)
      databases.close()
    } catch {
      databases.close()
      throw error
    }
  }

  /// Writes down that a host is being made, or finds that it was begun before. Once an identity from words was put away,
  /// whoever finishes has to know it.
  private func begin(keyStore wanted: KeyStoreKind?, isRecovery: Bool) throws -> HostSettingsFile {
    if var begun = try HostSettingsFile.read(folders) {
      guard !begun.isComplete else {
        throw HostError.alreadyInitialised(settings: folders.settingsFile.path)
      }
      guard wanted == nil || wanted == begun.keystore else {
        throw HostError.unfinishedElsewhere(keyStore: begun.keystore.rawValue)
      }
      if isRecovery, begun.isFromWords != true {
        begun.isFromWords = true
        try begun.write(folders)
      }
      return begun
    }
    if let leftover = try leftover() { throw HostError.leftovers(path: leftover.path) }
    var settings = HostSettingsFile(hostID: UUID(), keystore: try HostKeyStore.choose(wanted))
    settings.isComplete = false
    settings.isFromWords = isRecovery ? true : nil
    try settings.write(folders)
    return settings
  }

  /// A database, a key file or key slots that belong to a host whose settings were lost. A key file that holds other keys alone,
  /// those for peers among them, is no such thing.
  private func leftover() throws -> URL? {
    for (kind, file) in [
      (KeyStoreKind.file, folders.keyFile), (.passphrase, folders.passphraseKeyFile),
      (.systemdCredential, folders.credentialKeyFile),
    ] {
      let names = try HostKeyStore.open(kind, hostID: UUID(), folders: folders).names()
      for item in [KeyItem.masterKey, .dataKey] where names.contains(item.name) { return file }
    }
    let stored = try StoredFiles.find(in: folders)
    return
      (stored.databases.map { $0.file(in: folders) } + stored.blobs.map { $0.file(in: folders) }
      + [folders.keySlotsFile].filter { FileManager.default.fileExists(atPath: $0.path) }).first
      ?? StoredData.first(in: folders)
  }

  /// The identity that an interrupted `init` has put away already.
  private func keptMaster(in store: any KeyStore, isRecovery: Bool) throws -> MasterKey? {
    guard !isRecovery, let entropy = try store.load(.masterKey) else { return nil }
    return try MasterKey(entropy: entropy)
  }
}
