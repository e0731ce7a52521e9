public import Identity
public import Keyring
import Storage
import Stores

/// How a host's identity is: whether its agents and keys are its own, whether its words open what is stored, and
/// whether a change of it was interrupted. Looking changes nothing, and a running service is not disturbed.
public struct HostHealth: Sendable {
  /// What the words of the identity are for what is stored.
  public enum WordsSlot: Hashable, Sendable {
    /// They open it.
    case matching
    /// No words do.
    case missing
    /// The words of another identity do.
    case other(Address)
    /// The list of slots cannot be believed.
    case unreadable(String)
  }

  /// The address of the host; nil where its identity is not where the keys rest.
  public let address: Address?
  public let agentCount: Int
  public let keyCount: Int
  public let identity: IdentityHealth
  public let wordsSlot: WordsSlot
  /// The identity that the host has begun to change to.
  public let unfinishedChange: Address?

  /// Looks at the host in `folders`.
  /// - Throws: ``HostError/keysMissing(keyStore:)`` without the data key, and what keeps it from opening the database.
  public init(folders: HostFolders, settings: HostSettings) throws {
    let use = try DataUse.shared(folders)
    defer { use.end() }
    let store = HostKeyStore.open(settings.keyStore, hostID: settings.hostID, folders: folders)
    guard let dataKey = try store.load(.dataKey) else {
      throw HostError.keysMissing(keyStore: settings.keyStore.rawValue)
    }
    let key = try DataKey(dataKey)
    let master: MasterKey? =
      if let entropy = try store.load(.masterKey) { try MasterKey(entropy: entropy) } else { nil }
    let facts = try IdentityFacts.look(in: folders, key: key)
    self.init(
      facts: facts, master: master, key: key, folders: folders,
      settings: settings)
  }

  /// - Parameter key: proves that nobody changed the list of slots; nil where that is not asked.
  init(
    facts: IdentityFacts?, master: MasterKey?, key: DataKey?, folders: HostFolders, settings: HostSettings
  ) {
    address = master?.address
    agentCount = facts?.agents.count ?? 0
    keyCount = facts?.keys.count ?? 0
    identity =
      facts?.health(under: master) ?? IdentityHealth(agents: [], keys: [], trusted: [], master: master)
    wordsSlot = Self.slot(of: master?.address, key, folders, settings)
    unfinishedChange = (try? IdentityChange.unfinished(in: folders)) ?? nil
  }

  private static func slot(
    of address: Address?, _ key: DataKey?, _ folders: HostFolders, _ settings: HostSettings
  ) -> WordsSlot {
    do {
      let slots = try KeySlotFile(folders: folders, host: settings.hostID).read()
      if let key { try slots?.check(with: key) }
      guard let opening = slots?.phraseAddress else { return .missing }
      return address == nil || opening == address ? .matching : .other(opening)
    } catch {
      return .unreadable(error.description)
    }
  }

  /// Whether there is nothing to mend. That no words open what is stored may be meant.
  public var isGood: Bool {
    let slotIsGood = wordsSlot == .matching || wordsSlot == .missing
    return identity.canDerive && identity.driftedAgents.isEmpty && identity.staleKeys.isEmpty && slotIsGood
      && unfinishedChange == nil
  }

  /// All of it in one line.
  public var summary: String {
    if let unfinishedChange {
      return "a change to \(unfinishedChange.checksummed) was interrupted; the next start finishes it"
    }
    guard identity.canDerive else { return "the identity is not there to compare agents and keys with" }
    var faults: [String] = []
    func count(_ number: Int, _ one: String, _ many: String) {
      if number > 0 { faults.append("\(number) \(number == 1 ? one : many)") }
    }
    count(
      identity.driftedAgents.count, "agent has an address of another identity",
      "agents have addresses of another identity")
    count(identity.staleKeys.count, "key was made by nobody known", "keys were made by nobody known")
    switch wordsSlot {
    case .matching, .missing: break
    case .other: faults.append("the words of another identity open what is stored")
    case .unreadable: faults.append("the key slots cannot be believed")
    }
    guard faults.isEmpty else { return faults.joined(separator: ", ") }
    let agents = agentCount == 1 ? "1 agent" : "\(agentCount) agents"
    let keys = keyCount == 1 ? "1 key" : "\(keyCount) keys"
    return "\(agents) and \(keys), all of this identity"
  }

  /// What to do about it; nil where there is nothing.
  public var remedy: String? {
    if isGood { return nil }
    if unfinishedChange != nil { return "osaurus-host serve" }
    if !identity.canDerive { return "osaurus-host recover" }
    if case .unreadable = wordsSlot { return "osaurus-host storage slots list" }
    return "osaurus-host identity repair"
  }
}

extension IdentityFacts {
  /// What the database says as it lies there; nil where there is none. Nothing is changed.
  /// - Throws: `StorageError`.
  static func look(in folders: HostFolders, key: DataKey) throws(StorageError) -> IdentityFacts? {
    let condition = try EncryptedDatabase.check(
      .host, in: folders, key: key, migrator: HostSchema.migrator)
    guard condition != .missing else { return nil }
    return try EncryptedDatabase.read(.host, in: folders, key: key) { database in
      let facts = try IdentityFacts(database)
      try database.confirmPages()
      return facts
    }
  }
}
