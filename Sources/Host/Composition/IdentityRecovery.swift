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
    /// The host has another identity, or had it until it was lost, as the slot for its words or its database says.
    case other(Address, Agents)
    /// The identity is gone from where the keys rest, the key of the databases is not. It is known to be this one where
    /// the host has noted whose it is.
    case lost(isKnown: Bool, Agents)
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

  /// Looks at the host. It changes nothing, apart from finishing a change of identity that was interrupted.
  /// - Throws: what keeps settings, keys or databases from being read.
  public func examine() async throws -> Finding {
    let settings: HostSettings
    do {
      settings = try HostSettings.load(folders: folders)
    } catch HostError.notInitialised, HostError.unfinishedInitialisation {
      return .noHost
    }
    try KeyRotation(folders: folders).finish()
    try await finishChange(settings)
    let store = keyStore(settings)
    let present: Address? =
      if let entropy = try store.load(.masterKey) { try MasterKey(entropy: entropy).address } else { nil }
    guard let dataKey = try store.load(.dataKey) else { return .dataKeyLost }
    let key = try DataKey(dataKey)
    if present == address {
      return .same((try? IdentityFacts.look(in: folders, key: key)).flatMap { try? compared($0) })
    }
    let facts = try IdentityFacts.look(in: folders, key: key)
    let agents = try compared(facts)
    let slot = try HostKeySlots(folders: folders, settings: settings).listed().lazy.compactMap(\.phrase).first
    let other = [present, slot, facts?.master].lazy.compactMap { $0 }.first
    if let other, other != address { return .other(other, agents) }
    return .lost(isKnown: other != nil, agents)
  }

  private func compared(_ facts: IdentityFacts?) throws -> Agents {
    var agents = Agents()
    for agent in facts?.agents ?? [] {
      agents.addresses.append(agent.address)
      if try master.agentKey(agent.index).address == agent.address { agents.own += 1 }
    }
    return agents
  }

  /// Does what is left of a change of identity; where the identity that it was to is gone, these words may bring it back.
  private func finishChange(_ settings: HostSettings) async throws {
    guard let wanted = try IdentityChange.unfinished(in: folders) else { return }
    if wanted == address {
      let store = keyStore(settings)
      try master.withEntropy { try store.store(SecretBytes(copying: $0), as: .nextMasterKey) }
    }
    try await IdentityChange(folders: folders).finish()
  }

  /// Makes a host with this identity. Its agents are counted from a block of indices of its own.
  /// - Throws: what `HostInitialiser` throws.
  public func makeHost(
    keyStore: KeyStoreKind?, oldKeys: OldAccessKeys,
    passphrases: any PassphraseSource = SystemPassphraseSource()
  ) async throws -> HostInitialiser.Made {
    let made = try await HostInitialiser(folders: folders, passphrases: passphrases).initialise(
      keyStore: keyStore, from: master.mnemonic(), oldKeys: oldKeys)
    try acknowledge()
    return made
  }

  /// Puts this identity in the place of another one, and the slot for its words with it.
  ///
  /// - Parameters:
  ///   - repairs: whether agents of the other one get addresses of this one; else nobody can speak for them.
  ///   - oldKeys: what becomes of keys that were made before.
  /// - Throws: ``HostError/dataInUse(folder:)`` while a service runs on the data, or what ``IdentityChange`` throws.
  public func replaceIdentity(repairingAgents repairs: Bool, oldKeys: OldAccessKeys) async throws {
    try await IdentityChange(folders: folders).restore(master, repairingAgents: repairs, oldKeys: oldKeys)
  }

  /// Puts this identity back where the host's keys rest, from where it is gone.
  /// - Throws: ``HostError/dataInUse(folder:)`` while a service runs on the data, or what the key store says.
  public func putBackIdentity() throws {
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
