import Identity

/// The host's end of a tunnel, without the tunnel: what is to be done when something is heard, or not heard for too long.
///
/// It holds one tunnel for all agents. Challenges are answered in the order in which they were asked for: the first one of
/// a tunnel is for all agents that are wanted by then, and each later one for one agent more. It never gives up.
/// Times are durations since a beginning that its owner chooses, and chance is handed in.
struct TunnelMachine: Sendable {
  /// What its owner has to do.
  enum Action: Hashable, Sendable {
    /// Open a tunnel, the one of this number. Later words about other numbers are not wanted.
    case open(Int)
    /// Let the present tunnel, or the attempt to open one, go.
    case close
    /// Prove these agents, all at once.
    case authenticate([Address], nonce: String)
    /// Prove one agent more.
    case add(Address, nonce: String)
    case remove(Address)
    case requestChallenge
    case pong(Int64)
    /// Find out whether there is still somebody at the other end.
    case probe
    /// Find out whether requests to this URL arrive here.
    case check(Address, url: String)
  }

  /// How long things may take.
  enum Limits {
    /// Agents of one tunnel.
    static let agents = 50
    static let opening = Duration.seconds(20)
    /// For a challenge, for what a proof is answered with, and for the answer to a probe.
    static let answer = Duration.seconds(15)
    /// The relay pings twice a minute.
    static let silence = Duration.seconds(90)
    /// Before an agent that the relay did not take is brought again.
    static let rejection = Duration.seconds(60)
    /// Before a public route that led nowhere is tried again.
    static let route = Duration.seconds(60)
  }

  private enum Phase: Hashable {
    case off
    case waiting(until: Duration, TunnelFault)
    case opening(until: Duration)
    case greeting(until: Duration)
    case authenticating(until: Duration, [Address])
    case open(since: Duration)
  }

  private enum Standing: Hashable {
    case waiting
    case rejected(String, again: Duration)
    case up(url: String, TunnelStatus.Route, again: Duration?)
  }

  /// The agent that is being added to an open tunnel.
  private struct Adding: Hashable {
    let agent: Address
    var isProven = false
    var until: Duration
  }

  private var phase = Phase.off
  private var wanted: [Address: Standing] = [:]
  private var adding: Adding?
  private var backoff = TunnelBackoff()
  /// The number of the tunnel that counts.
  private(set) var number = 0
  private var heard: Duration = .zero
  private var probedUntil: Duration?
  /// When a tunnel that turned this host away may be asked again at the earliest, whatever the network does.
  private var isRefused = false
  /// The network became another one while a tunnel was being opened by way of the one before.
  private var isElsewhere = false

  // MARK: What its owner wants

  /// Replaces the agents that are to be reached.
  mutating func want(_ agents: some Sequence<Address>, at now: Duration) -> [Action] {
    let agents = Set(agents)
    var actions: [Action] = []
    for agent in ordered where !agents.contains(agent) {
      if case .up? = wanted[agent], isOpen { actions.append(.remove(agent)) }
      wanted[agent] = nil
    }
    for agent in agents where wanted[agent] == nil { wanted[agent] = .waiting }
    if wanted.isEmpty { return phase == .off ? [] : actions + stop() }
    if phase == .off { return actions + open(at: now) }
    return actions + goOn(at: now)
  }

  /// The network of this machine is another one.
  mutating func networkChanged(at now: Duration) -> [Action] {
    switch phase {
    case .waiting where !isRefused:
      backoff.reset()
      return open(at: now)
    case .open:
      probedUntil = probedUntil ?? now + Limits.answer
      return [.probe]
    case .opening, .greeting, .authenticating:
      isElsewhere = true
      return []
    case .off, .waiting: return []
    }
  }

  /// How the check of a public URL ended; nil where it was proven.
  mutating func checked(_ agent: Address, url: String, failure: String?, at now: Duration) {
    guard case .up(url, .checking, _)? = wanted[agent] else { return }
    wanted[agent] = .up(
      url: url, failure.map { .failed(reason: $0) } ?? .proven,
      again: failure == nil ? nil : now + Limits.route)
  }

  // MARK: What is heard

  mutating func opened(at now: Duration) -> [Action] {
    guard case .opening = phase else { return [] }
    heard = now
    phase = .greeting(until: now + Limits.answer)
    return []
  }

  /// The tunnel is no more, or was never there.
  mutating func closed(_ fault: TunnelFault, at now: Duration, chance: Double) -> [Action] {
    switch phase {
    case .off, .waiting: return []
    case .open(let since) where now - since >= TunnelBackoff.goodLife: backoff.reset()
    case .opening, .greeting, .authenticating, .open: break
    }
    if case .refused = fault { isRefused = true } else { isRefused = false }
    let delay =
      isRefused ? backoff.afterRefusal(chance: chance) : backoff.afterFailure(chance: chance)
    let isElsewhere = isElsewhere
    forgetTunnel()
    guard isElsewhere, !isRefused else {
      phase = .waiting(until: now + delay, fault)
      return []
    }
    backoff.reset()
    return open(at: now)
  }

  /// Something came, whatever it is.
  mutating func heardSomething(at now: Duration) {
    heard = now
    probedUntil = nil
  }

  mutating func challenged(_ nonce: String, at now: Duration) -> [Action] {
    switch phase {
    case .greeting:
      let first = Array(ordered.prefix(Limits.agents))
      phase = .authenticating(until: now + Limits.answer, first)
      return [.authenticate(first, nonce: nonce)]
    case .open:
      guard let waiting = adding, !waiting.isProven else { return [] }
      // The owner may have thought better of it meanwhile.
      guard wanted[waiting.agent] != nil else {
        adding = nil
        return goOn(at: now)
      }
      adding = Adding(agent: waiting.agent, isProven: true, until: now + Limits.answer)
      return [.add(waiting.agent, nonce: nonce)]
    case .off, .waiting, .opening, .authenticating: return []
    }
  }

  /// - Parameter agents: with their URLs; nil where the relay gives one that is not the agent's.
  mutating func authenticated(
    _ agents: [(address: Address, url: String?)], rejected: [(address: Address, reason: String)],
    at now: Duration
  ) -> [Action] {
    guard case .authenticating(_, let proven) = phase else { return [] }
    phase = .open(since: now)
    (isRefused, isElsewhere) = (false, false)
    var actions: [Action] = []
    for (agent, url) in agents where proven.contains(agent) { actions += up(agent, url, at: now) }
    for (agent, reason) in rejected where proven.contains(agent) { reject(agent, reason, at: now) }
    return actions + goOn(at: now)
  }

  mutating func added(_ agent: Address, url: String?, at now: Duration) -> [Action] {
    guard isOpen, let present = adding, present.agent == agent, present.isProven else { return [] }
    adding = nil
    return up(agent, url, at: now) + goOn(at: now)
  }

  mutating func removed(_ agent: Address, at now: Duration) -> [Action] {
    guard isOpen, case .up? = wanted[agent] else { return [] }
    reject(agent, "removed", at: now)
    return []
  }

  /// The relay did not do what it was last asked for.
  mutating func failed(_ code: String, at now: Duration) -> [Action] {
    guard isOpen, let refused = adding, refused.isProven else { return [] }
    adding = nil
    reject(refused.agent, code, at: now)
    return goOn(at: now)
  }

  mutating func pinged(_ time: Int64) -> [Action] { [.pong(time)] }

  /// Time has passed. To be called at ``deadline``, and harmless at any other time.
  mutating func passed(at now: Duration, chance: Double) -> [Action] {
    switch phase {
    case .off: return []
    case .waiting(let until, _): return until <= now ? open(at: now) : []
    case .opening(let until), .greeting(let until), .authenticating(let until, _):
      return until <= now ? [.close] + closed(.silent, at: now, chance: chance) : []
    case .open:
      if heard + Limits.silence <= now || probedUntil.map({ $0 <= now }) == true {
        return [.close] + closed(.silent, at: now, chance: chance)
      }
      return goOn(at: now)
    }
  }

  /// When ``passed(at:chance:)`` has something to do, unless something else happens before.
  var deadline: Duration? {
    switch phase {
    case .off: return nil
    case .waiting(let until, _), .opening(let until), .greeting(let until), .authenticating(let until, _):
      return until
    case .open:
      let agents = wanted.values.compactMap { standing in
        switch standing {
        case .waiting: nil as Duration?
        // One at a time; what waits for its turn goes on when that comes.
        case .rejected(_, let again): adding == nil ? again : nil
        case .up(_, _, let again): again
        }
      }
      return ([heard + Limits.silence] + [probedUntil, adding?.until].compactMap { $0 } + agents).min()
    }
  }

  // MARK: What it looks like

  var isOpen: Bool {
    if case .open = phase { true } else { false }
  }

  /// Whether requests for an agent are to be answered.
  func isUp(_ agent: Address) -> Bool {
    guard isOpen, case .up? = wanted[agent] else { return false }
    return true
  }

  func status(at now: Duration) -> TunnelStatus {
    let connection: TunnelStatus.Connection =
      switch phase {
      case .off: .off
      case .waiting(let until, let fault):
        .waiting(fault, seconds: Int(max(until - now, .zero).components.seconds))
      case .opening, .greeting, .authenticating: .opening
      case .open: .open
      }
    return TunnelStatus(
      connection: connection,
      agents: ordered.map { agent in
        switch wanted[agent] {
        case .waiting, nil: .init(address: agent, standing: .waiting)
        case .rejected(let reason, _): .init(address: agent, standing: .rejected(reason: reason))
        case .up(let url, let route, _): .init(address: agent, standing: .up(url: url, route))
        }
      })
  }

  // MARK: Steps

  /// The wanted agents, in the order of their addresses.
  private var ordered: [Address] { wanted.keys.sorted { $0.lowercased < $1.lowercased } }

  private mutating func open(at now: Duration) -> [Action] {
    number += 1
    phase = .opening(until: now + Limits.opening)
    return [.open(number)]
  }

  private mutating func stop() -> [Action] {
    let isThere: Bool
    switch phase {
    case .off, .waiting: isThere = false
    case .opening, .greeting, .authenticating, .open: isThere = true
    }
    forgetTunnel()
    backoff.reset()
    phase = .off
    return isThere ? [.close] : []
  }

  /// What was agreed with the relay ends with the tunnel.
  private mutating func forgetTunnel() {
    number += 1
    adding = nil
    probedUntil = nil
    isElsewhere = false
    for agent in wanted.keys { wanted[agent] = .waiting }
  }

  private mutating func up(_ agent: Address, _ url: String?, at now: Duration) -> [Action] {
    guard wanted[agent] != nil else { return [.remove(agent)] }
    guard let url else {
      // Nobody is told of it, and nothing is answered there.
      reject(agent, "invalid_url", at: now)
      return [.remove(agent)]
    }
    wanted[agent] = .up(url: url, .checking, again: nil)
    return [.check(agent, url: url)]
  }

  private mutating func reject(_ agent: Address, _ reason: String, at now: Duration) {
    guard wanted[agent] != nil else { return }
    wanted[agent] = .rejected(reason, again: now + Limits.rejection)
  }

  /// Adds the next agent, gives up one that takes too long, and looks again at routes that led nowhere.
  private mutating func goOn(at now: Duration) -> [Action] {
    guard isOpen else { return [] }
    var actions: [Action] = []
    if let slow = adding, slow.until <= now {
      adding = nil
      reject(slow.agent, "timeout", at: now)
    }
    for (agent, standing) in wanted {
      guard case .up(let url, _, let again?) = standing, again <= now else { continue }
      wanted[agent] = .up(url: url, .checking, again: nil)
      actions.append(.check(agent, url: url))
    }
    guard adding == nil, let next = nextToAdd(at: now) else { return actions }
    adding = Adding(agent: next, until: now + Limits.answer)
    return actions + [.requestChallenge]
  }

  private func nextToAdd(at now: Duration) -> Address? {
    ordered.first { agent in
      switch wanted[agent] {
      case .waiting: true
      case .rejected(_, let again): again <= now
      case .up, nil: false
      }
    }
  }
}
