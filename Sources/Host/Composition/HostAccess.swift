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
    var generation: Int64 = -1
    var agentCount = 0
    var addresses: [UUID: Address] = [:]
    var indices: [Address: AgentIndex] = [:]
    var exposed: Set<Address> = []
  }

  let validator = CurrentValidator()
  /// When the keys were used.
  let uses = AccessKeyUses()

  private struct Followers {
    var latest: [AgentRecord]?
    var all: [Int: AsyncStream<[AgentRecord]>.Continuation] = [:]
    var next = 0
  }

  private let followers = Mutex(Followers())

  private let master: MasterKey
  private let agentStore: AgentStore
  private let keyStore: AccessKeyStore
  private let snapshot = Mutex(Snapshot())
  private let signingKeys = Mutex<[Address: SigningKey]>([:])

  /// Derived keys are kept, up to this many.
  private static let keptSigningKeys = 64

  init(master: MasterKey, agents: AgentStore, keys: AccessKeyStore) {
    self.master = master
    agentStore = agents
    keyStore = keys
  }

  /// Reads agents, keys and revocations again and replaces what was known, whole. Once this returns, what was
  /// committed before it was called holds, however many do so at once.
  func refresh() async throws { replace(with: try await keyStore.moment(master: master.address)) }

  /// Replaces what was known, unless it is newer.
  func replace(with moment: AccessMoment) {
    var new = Snapshot(generation: moment.generation, agentCount: moment.agents.count)
    for agent in moment.agents {
      guard let address = agent.address, let index = agent.keyIndex else { continue }
      new.addresses[agent.id] = address
      new.indices[address] = index
      if agent.isExposed { new.exposed.insert(address) }
    }
    let rules = AccessKeyValidator(rules: moment.rules)
    let cuts = snapshot.withLock { [new] snapshot -> [@Sendable () -> Void] in
      guard new.generation >= snapshot.generation else { return [] }
      snapshot = new
      tell(moment.agents)
      signingKeys.withLock { keys in keys = keys.filter { new.indices[$0.key] != nil } }
      return validator.replace(with: rules)
    }
    for cut in cuts { cut() }
  }

  /// Follows changes that other processes make, until the task is cancelled.
  func watch(every interval: Duration = .milliseconds(500), logger: Logger) async {
    while !Task.isCancelled {
      do {
        try await Task.sleep(for: interval)
        if try await keyStore.generation() != snapshot.withLock({ $0.generation }) { try await refresh() }
      } catch is CancellationError {
        return
      } catch {
        logger.warning("the agents and keys could not be read again", metadata: ["error": "\(error)"])
      }
    }
  }

  /// The agents, and again with every change that may concern who reaches them. Only the latest are kept for a slow
  /// reader.
  func agentChanges() -> AsyncStream<[AgentRecord]> {
    let (stream, follower) = AsyncStream.makeStream(
      of: [AgentRecord].self, bufferingPolicy: .bufferingNewest(1))
    let number = followers.withLock { followers in
      followers.next += 1
      followers.all[followers.next] = follower
      if let latest = followers.latest { follower.yield(latest) }
      return followers.next
    }
    follower.onTermination = { [weak self] _ in self?.followers.withLock { $0.all[number] = nil } }
    return stream
  }

  private func tell(_ agents: [AgentRecord]) {
    followers.withLock { followers in
      followers.latest = agents
      for follower in followers.all.values { follower.yield(agents) }
    }
  }

  /// How many agents there are.
  var agentCount: Int { snapshot.withLock { $0.agentCount } }

  /// The address of the agent that a path names by UUID or address; nil where this host has no such agent.
  func address(of name: some StringProtocol) -> Address? {
    if let id = UUID(uuidString: String(name)) { return snapshot.withLock { $0.addresses[id] } }
    guard let address = Address(ignoringChecksum: name) else { return nil }
    return snapshot.withLock { $0.indices[address] == nil ? nil : address }
  }

  /// The agent that a path names by UUID or address, as it is right now; nil where there is none for callers from
  /// there: other machines know of agents alone that are exposed and have an address.
  func agent(named name: String, from origin: Caller.Origin) async throws -> AgentRecord? {
    let found: AgentRecord?
    if let id = UUID(uuidString: name) {
      found = try await agentStore.find(id: id)
    } else if let address = Address(ignoringChecksum: name) {
      found = try await agentStore.find(address: address)
    } else {
      found = nil
    }
    return found.flatMap { $0.isThere(for: origin) ? $0 : nil }
  }

  /// All agents that callers from there may know of, in the order in which they were made.
  func agents(from origin: Caller.Origin) async throws -> [AgentRecord] {
    try await agentStore.list().filter { $0.isThere(for: origin) }
  }

  /// The key by which an agent proves itself to a relay; nil where other machines may not reach it.
  func signingKey(forRelay address: Address) -> SigningKey? {
    try? signingKey(of: address, from: .relay(SourceAddress(reported: nil), agent: address))
  }

  /// The key of the agent with this address; nil where no agent that callers from there may reach has it.
  func signingKey(of address: Address, from origin: Caller.Origin) throws(IdentityError) -> SigningKey? {
    guard origin.leads(to: address) else { return nil }
    let index = snapshot.withLock { known in
      origin.isRemote && !known.exposed.contains(address) ? nil : known.indices[address]
    }
    guard let index else { return nil }
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

extension AgentRecord {
  /// Whether callers from there may know of it.
  fileprivate func isThere(for origin: Caller.Origin) -> Bool {
    (isReachableFromElsewhere || !origin.isRemote) && origin.leads(to: address)
  }
}
