import Identity

/// What is said on one tunnel about who speaks for which agents: the protocol of spec/03, D3 without the socket. Every method
/// returns what is to be done, in order.
struct TunnelSession {
  /// Something to be done on behalf of the session.
  enum Step: Hashable, Sendable {
    case send(RelayFrame)
    /// See who holds these agents, and call ``claimed(_:)`` with the outcome before any other frame is handed in.
    case claim([Address])
    /// The agent is no longer of this tunnel.
    case release(Address)
    /// What has to do with requests.
    case exchange(HostFrame)
    /// Say this and close.
    case close(code: UInt16, reason: String)
  }

  /// What became of a claim.
  struct Outcome: Hashable, Sendable {
    enum Verdict: Hashable, Sendable {
      case taken
      case heldElsewhere
      case relayFull
    }
    let address: Address
    let verdict: Verdict
  }

  private enum Phase {
    /// Waits for `auth` over this nonce.
    case challenged(TunnelNonce)
    /// Has proved itself; the directory is asked whether the agents are free.
    case claiming(isFirst: Bool)
    case open
    case closed
  }

  private let limits: RelayLimits
  private let makeURL: @Sendable (Address) -> String
  private let makeNonce: @Sendable () -> TunnelNonce
  private var phase: Phase
  /// Nonces that were asked for, with the second in which they end; the oldest first.
  private var challenges: [(nonce: TunnelNonce, ends: Int64)] = []
  /// The agents that this tunnel speaks for.
  private(set) var agents: Set<Address> = []
  private(set) var features: TunnelFeatures = []
  private var unanswered = 0

  /// The most challenges that can be open at a time.
  static let openChallenges = 64
  /// What this relay understands beyond version 1.
  static let features: TunnelFeatures = [.base64, .bound, .cancel, .flow, .window]

  init(
    limits: RelayLimits, makeURL: @escaping @Sendable (Address) -> String,
    makeNonce: @escaping @Sendable () -> TunnelNonce
  ) {
    self.limits = limits
    self.makeURL = makeURL
    self.makeNonce = makeNonce
    phase = .challenged(makeNonce())
  }

  /// What the relay says first.
  var greeting: [Step] {
    guard case .challenged(let nonce) = phase else { return [] }
    return [.send(.challenge(nonce, Self.features))]
  }

  /// Whether the host has proved that it speaks for somebody.
  var isProven: Bool {
    switch phase {
    case .challenged, .closed: false
    case .claiming, .open: true
    }
  }

  // MARK: What the host says

  /// - Parameter now: the Unix second.
  mutating func receive(_ frame: HostFrame, now: Int64) -> [Step] {
    unanswered = 0
    switch phase {
    case .challenged(let nonce):
      switch frame {
      case .auth(let auth): return authenticate(auth, nonce, now)
      // Both sides pass over what they do not know, but nothing comes before this.
      default: return fail(.expectedAuthFrame, 4000)
      }
    case .open: return receiveOpen(frame, now)
    case .claiming, .closed: return []
    }
  }

  private mutating func authenticate(
    _ auth: TunnelAuthentication, _ nonce: TunnelNonce, _ now: Int64
  ) -> [Step] {
    guard auth.nonce == nonce else { return fail(.invalidNonce, 4000) }
    guard !auth.agents.isEmpty else { return fail(.noAgents, 4000) }
    guard auth.agents.count <= limits.agentsPerTunnel else { return fail(.tooManyAgents, 4000) }
    guard isTimely(auth.timestamp, now),
      auth.agents.allSatisfy({ $0.isValid(nonce: nonce, timestamp: auth.timestamp) })
    else { return fail(.signatureVerificationFailed, 4001) }
    features = auth.features
    phase = .claiming(isFirst: true)
    var seen: Set<Address> = []
    return [.claim(auth.agents.map(\.address).filter { seen.insert($0).inserted })]
  }

  private mutating func receiveOpen(_ frame: HostFrame, _ now: Int64) -> [Step] {
    switch frame {
    case .addAgent(let proof, let nonce, let timestamp): return add(proof, nonce, timestamp, now)
    case .removeAgent(let address):
      guard agents.remove(address) != nil else { return [.send(.agentRemoved(address))] }
      return [.release(address), .send(.agentRemoved(address))]
    case .requestChallenge:
      challenges.removeAll { $0.ends < now }
      if challenges.count >= Self.openChallenges { challenges.removeFirst() }
      let nonce = makeNonce()
      challenges.append((nonce, now + limits.challengeLifetime.components.seconds))
      return [.send(.challenge(nonce, Self.features))]
    case .answer, .streamStart, .streamChunk, .streamEnd, .cancel: return [.exchange(frame)]
    case .auth, .pong, .unknown: return []
    }
  }

  private mutating func add(
    _ proof: AgentProof, _ nonce: TunnelNonce, _ timestamp: Int64, _ now: Int64
  ) -> [Step] {
    guard agents.count < limits.agentsPerTunnel else { return [.send(.error(.maxAgentsReached))] }
    guard let place = challenges.firstIndex(where: { $0.nonce == nonce }) else {
      return [.send(.error(.invalidNonce))]
    }
    // Used, whatever comes of it.
    let challenge = challenges.remove(at: place)
    guard now <= challenge.ends else { return [.send(.error(.invalidNonce))] }
    guard isTimely(timestamp, now), proof.isValid(nonce: nonce, timestamp: timestamp) else {
      return [.send(.error(.invalidSignature))]
    }
    guard !agents.contains(proof.address) else { return [.send(.error(.addressAlreadyRegistered))] }
    phase = .claiming(isFirst: false)
    return [.claim([proof.address])]
  }

  private func isTimely(_ timestamp: Int64, _ now: Int64) -> Bool {
    let skew = limits.clockSkew.components.seconds
    return (now - skew...now + skew).contains(timestamp)
  }

  // MARK: What became of it

  /// The directory's word about the agents that were to be claimed.
  mutating func claimed(_ outcomes: [Outcome]) -> [Step] {
    guard case .claiming(let isFirst) = phase else { return [] }
    phase = .open
    let taken = outcomes.filter { $0.verdict == .taken }.map(\.address)
    agents.formUnion(taken)
    let registered = taken.map { RegisteredAgent(address: $0, url: makeURL($0)) }
    if isFirst {
      let rejected = outcomes.filter { $0.verdict != .taken }.map { outcome in
        RejectedAgent(
          address: outcome.address,
          reason: outcome.verdict == .relayFull ? .relayFull : .alreadyRegistered)
      }
      return [.send(.authenticated(registered, rejected: rejected))]
    }
    if let agent = registered.first { return [.send(.agentAdded(agent))] }
    let isFull = outcomes.contains { $0.verdict == .relayFull }
    return [.send(.error(isFull ? .relayFull : .addressAlreadyRegistered))]
  }

  /// A message that is no frame.
  mutating func refuse(_ refusal: FrameRefusal) -> [Step] {
    if case .challenged = phase {
      let isJSON = refusal != .notAnObject
      return fail(isJSON ? .expectedAuthFrame : .invalidJSON, 4000)
    }
    guard case .closed = phase else {
      phase = .closed
      let code: TunnelErrorCode = refusal == .notAnObject ? .invalidJSON : .invalidFrame
      return [.send(.error(code)), .close(code: 4000, reason: code.rawValue)]
    }
    return []
  }

  /// The host did not authenticate in time.
  mutating func authenticationTimedOut() -> [Step] {
    guard case .challenged = phase else { return [] }
    return fail(.authTimeout, 4001)
  }

  /// The host sends more frames about agents than it may.
  mutating func overran() -> [Step] {
    phase = .closed
    return [.send(.error(.rateLimited)), .close(code: 1008, reason: TunnelErrorCode.rateLimited.rawValue)]
  }

  /// It is time to ask whether the host is there.
  mutating func pingDue(now: Int64) -> [Step] {
    switch phase {
    case .challenged, .closed: return []
    case .claiming, .open:
      guard unanswered < limits.missedPings else {
        phase = .closed
        return [.close(code: 1000, reason: "keepalive timeout")]
      }
      unanswered += 1
      return [.send(.ping(now))]
    }
  }

  private mutating func fail(_ code: TunnelErrorCode, _ closeCode: UInt16) -> [Step] {
    phase = .closed
    return [.send(.authError(code)), .close(code: closeCode, reason: code.rawValue)]
  }
}
