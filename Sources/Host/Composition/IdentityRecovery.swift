import Foundation
public import Identity
public import Keyring
import SecretMemory
import Storage
import Stores

/// What the 24 words of an identity mean for the host on this machine, and putting that identity in its place.
public struct IdentityRecovery: Sendable {
  /// The agents on this machine that have an address.
  public struct Agents: Hashable, Sendable {
    /// How many have the address that the phrase gives them.
    public var own = 0
    public var addresses: [Address] = []

    /// How many have another one's.
    public var foreign: Int { addresses.count - own }
  }

  /// How the identity of a phrase stands to this machine.
  public enum Finding: Hashable, Sendable {
    /// There is no host, or one whose making was interrupted.
    case noHost
    /// The host has this identity, and all of its keys. The agents are nil where they cannot be read.
    case same(Agents?)
    /// The host has another identity.
    case other(Address)
    /// The identity is gone from where the keys rest, the key of the databases is not.
    case lost(Agents)
    /// The key of the databases is gone from where the keys rest.
    case dataKeyLost
  }

  private let folders: HostFolders
  private let master: MasterKey

  /// The address that the phrase gives.
  public var address: Address { master.address }

  /// - Parameter master: the identity that the phrase brings back.
  public init(of master: MasterKey, folders: HostFolders) {
    self.folders = folders
    self.master = master
  }

  /// Looks at the host. It changes nothing.
  /// - Throws: what keeps settings, keys or databases from being read.
  public func examine() async throws -> Finding {
    let settings: HostSettings
    do {
      settings = try HostSettings.load(folders: folders)
    } catch HostError.notInitialised, HostError.unfinishedInitialisation {
      return .noHost
    }
    let store = keyStore(settings)
    var present: Address?
    if let entropy = try store.load(.masterKey) { present = try MasterKey(entropy: entropy).address }
    if let present, present != address { return .other(present) }
    guard let dataKey = try store.load(.dataKey) else { return .dataKeyLost }
    let key = try DataKey(dataKey)
    return present == nil ? .lost(try await agents(openedBy: key)) : .same(try? await agents(openedBy: key))
  }

  private func agents(openedBy key: DataKey) async throws -> Agents {
    let databases = try HostDatabases.open(in: folders, key: key)
    defer { databases.close() }
    var agents = Agents()
    for agent in try await AgentStore(databases.host).list() {
      guard let address = agent.address, let index = agent.keyIndex else { continue }
      agents.addresses.append(address)
      if try master.agentKey(index).address == address { agents.own += 1 }
    }
    return agents
  }

  /// Makes a host with this identity.
  /// - Throws: what `HostInitialiser` throws.
  public func makeHost(
    keyStore: KeyStoreKind?, passphrases: any PassphraseSource = SystemPassphraseSource()
  ) async throws -> HostInitialiser.Made {
    let made = try await HostInitialiser(folders: folders, passphrases: passphrases).initialise(
      keyStore: keyStore, from: master.mnemonic())
    try acknowledge()
    return made
  }

  /// Puts this identity where the host's keys rest, in place of what is there. Everything else stays as it is: agents
  /// that have their address from another identity keep it, and nobody can speak for it until they are rotated.
  /// - Throws: ``HostError/dataInUse(folder:)`` while a service runs on the data, or what the key store says.
  public func replaceIdentity() throws {
    let settings = try HostSettings.load(folders: folders)
    guard let lock = try FileLock(tryFor: folders.serviceLock) else {
      throw HostError.dataInUse(folder: folders.data.path)
    }
    defer { withExtendedLifetime(lock) {} }
    let store = keyStore(settings)
    try master.withEntropy { bytes in try store.store(SecretBytes(copying: bytes), as: .masterKey) }
    guard let check = try store.load(.masterKey), try MasterKey(entropy: check).address == address else {
      throw HostError.keyStoreForgets(settings.keyStore.rawValue)
    }
    try acknowledge()
  }

  /// Puts what the key store has lost back into it: the identity, and the key of the databases from its slot for the
  /// words.
  /// - Throws: what ``HostRecovery`` throws; nothing was changed then.
  public func restoreKeys() throws {
    let settings = try HostSettings.load(folders: folders)
    _ = try HostRecovery.restoreDataKey(from: master.mnemonic(), folders: folders, settings: settings)
    try acknowledge()
  }

  /// Remembers that the owner has the words: they were typed.
  public func acknowledge() throws { try WordsAcknowledgement(folders: folders).record(at: Date()) }

  private func keyStore(_ settings: HostSettings) -> any KeyStore {
    HostKeyStore.open(settings.keyStore, hostID: settings.hostID, folders: folders)
  }
}
