import Identity
import NIOCore
import Synchronization

/// Which tunnel an agent is reached by. An agent has one at most, and only the tunnel that holds it can let go of it.
final class TunnelDirectory: Sendable {
  private struct Entry {
    let tunnel: Tunnel
    var requests: TokenBucket
    /// What each network has used of its half. Whose is whole again is forgotten, so there are never many.
    var shares: [NetworkAddress: TokenBucket] = [:]

    /// Takes one request of this network. At a time it leaves half of them to the others, and of those that come in again it
    /// has what the others leave.
    mutating func take(_ source: NetworkAddress, perMinute: Int, now: NIODeadline) -> Bool {
      let network = source.network
      if shares[network] == nil, shares.count >= 2 * perMinute {
        shares = shares.filter { $0.value.level(now: now) < 1 }
      }
      var share = shares[network] ?? TokenBucket(perMinute: max(1, perMinute / 2), now: now)
      let leavesHalf = requests.holds(Double(perMinute) / 2 + 1, now: now)
      guard leavesHalf || share.holds(1, now: now), requests.take(now: now) else { return false }
      _ = share.take(now: now)
      shares[network] = share
      return true
    }
  }

  /// What there is for an agent.
  enum Way: Sendable {
    case tunnel(Tunnel)
    case offline
    /// It was asked too often.
    case limited
  }

  private let limits: RelayLimits
  private let entries = Mutex<[Address: Entry]>([:])

  init(limits: RelayLimits) { self.limits = limits }

  /// Gives `tunnel` these agents, as far as nobody else has them, in one step.
  /// - Parameter dead: tunnels that are known to be gone; what they hold is taken from them.
  func claim(
    _ addresses: [Address], for tunnel: Tunnel, from dead: Set<Tunnel> = [], now: NIODeadline = .now()
  ) -> [(outcome: TunnelSession.Outcome, holder: Tunnel?)] {
    entries.withLock { entries in
      addresses.map { address in
        let holder = entries[address]?.tunnel
        if let holder, holder != tunnel, !dead.contains(holder) {
          return (.init(address: address, verdict: .heldElsewhere), holder)
        }
        guard holder != nil || entries.count < limits.agents else {
          return (.init(address: address, verdict: .relayFull), nil)
        }
        let requests = entries[address]?.requests
        entries[address] = Entry(
          tunnel: tunnel,
          requests: requests ?? TokenBucket(perMinute: limits.requestsPerMinute, now: now))
        return (.init(address: address, verdict: .taken), nil)
      }
    }
  }

  /// Takes agents from a tunnel. Those that another has by now stay there.
  func release(_ addresses: some Collection<Address>, from tunnel: Tunnel) {
    guard !addresses.isEmpty else { return }
    entries.withLock { entries in
      for address in addresses where entries[address]?.tunnel == tunnel { entries[address] = nil }
    }
  }

  /// The way to an agent, for one request.
  func way(to address: Address, from source: NetworkAddress, now: NIODeadline = .now()) -> Way {
    entries.withLock { entries in
      guard let tunnel = entries[address]?.tunnel else { return .offline }
      let isTaken = entries[address]?.take(source, perMinute: limits.requestsPerMinute, now: now)
      return isTaken == true ? .tunnel(tunnel) : .limited
    }
  }

  /// How many agents are reached.
  var count: Int { entries.withLock { $0.count } }
}
