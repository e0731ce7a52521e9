import Foundation
import Identity
import Logging
import Stores
import Synchronization

/// Who may come in, as of now: the agents of this host and what an access key is worth. Requests read it from
/// memory; whoever changes an agent or a key refreshes it, so that the change holds from the next request on, and a
/// watch picks up what another process changed within a second.
final class HostAccess: Sendable {
  private struct Snapshot: Sendable {
    var addresses: [UUID: Address] = [:]
    var indices: [Address: AgentIndex] = [:]
  }

  let validator = CurrentValidator()

  private let master: MasterKey
  private let agentStore: AgentStore
  private let keyStore: AccessKeyStore
  private let snapshot = Mutex(Snapshot())
  private let signingKeys = Mutex<[Address: SigningKey]>([:])
  private let generation = Mutex<Int64?>(nil)

  /// Derived keys are kept, up to this many.
  private static let keptSigningKeys = 64

  init(master: MasterKey, agents: AgentStore, keys: AccessKeyStore) {
    self.master = master
    agentStore = agents
    keyStore = keys
  }

  /// Reads agents, keys and revocations again and replaces what was known, whole.
  func refresh() async throws {
    let generation = try await keyStore.generation()
    var new = Snapshot()
    for agent in try await agentStore.list() {
      guard let address = agent.address, let index = agent.keyIndex else { continue }
      new.addresses[agent.id] = address
      new.indices[address] = index
    }
    let rules = try await keyStore.validatorRules(master: master.address)
    snapshot.withLock { [new] in $0 = new }
    validator.replace(with: AccessKeyValidator(rules: rules))
    signingKeys.withLock { [new] keys in keys = keys.filter { new.indices[$0.key] != nil } }
    self.generation.withLock { $0 = generation }
  }

  /// Follows changes that other processes make, until the task is cancelled.
  func watch(every interval: Duration = .milliseconds(500), logger: Logger) async {
    while !Task.isCancelled {
      do {
        try await Task.sleep(for: interval)
        if try await keyStore.generation() != generation.withLock({ $0 }) { try await refresh() }
      } catch is CancellationError {
        return
      } catch {
        logger.warning("the agents and keys could not be read again", metadata: ["error": "\(error)"])
      }
    }
  }

  /// How many agents there are.
  var agentCount: Int { snapshot.withLock { $0.addresses.count } }

  /// The address of the agent that a path names by UUID or address; nil where this host has no such agent.
  func address(of name: some StringProtocol) -> Address? {
    if let id = UUID(uuidString: String(name)) { return snapshot.withLock { $0.addresses[id] } }
    guard let address = Address(ignoringChecksum: name) else { return nil }
    return snapshot.withLock { $0.indices[address] == nil ? nil : address }
  }

  /// The agent that a path names by UUID or address, as it is right now.
  func agent(named name: String) async throws -> AgentRecord? {
    if let id = UUID(uuidString: name) { return try await agentStore.find(id: id) }
    guard let address = Address(ignoringChecksum: name) else { return nil }
    return try await agentStore.find(address: address)
  }

  /// All agents, in the order in which they were made.
  func agents() async throws -> [AgentRecord] { try await agentStore.list() }

  /// The key of the agent with this address; nil where no agent of this host has it.
  func signingKey(of address: Address) throws(IdentityError) -> SigningKey? {
    guard let index = snapshot.withLock({ $0.indices[address] }) else { return nil }
    if let key = signingKeys.withLock({ $0[address] }) { return key }
    let key = try master.agentKey(index)
    guard key.address == address else { return nil }
    signingKeys.withLock { keys in
      if keys.count >= Self.keptSigningKeys { keys.removeAll() }
      keys[address] = key
    }
    return key
  }
}
