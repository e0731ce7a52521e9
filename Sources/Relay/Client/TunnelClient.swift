public import Identity
import NIOCore
public import NIOSSL

/// A host's tunnel to a relay: one WebSocket for all of its agents, opened again whenever it breaks, for as long as there
/// is an agent to be reached.
///
/// What is done when is decided by ``TunnelMachine``; this does it.
public actor TunnelClient {
  /// What goes with a tunnel.
  public struct Configuration: Sendable {
    public var relay: RelayURL
    /// What the relay's certificate is checked against.
    public var trust = NIOSSLTrustRoots.default
    /// A relay adds some header fields of its own to those that a caller may have.
    public var limits = FrameLimits(headerFields: 256, headerBytes: 96 << 10)
    /// How many requests are answered at a time.
    public var parallelRequests = 64
    /// How long an answer may wait for a caller who does not read. A relay gives such callers up much sooner; this is for
    /// one that does not.
    public var patience = Duration.seconds(600)

    public init(relay: RelayURL) { self.relay = relay }
  }

  /// What this end understands.
  static let features: TunnelFeatures = [.base64, .bound, .cancel, .flow, .window]
  /// How many frames that are no answers may wait for the relay to read.
  private static let outboxLimit = 1024

  private struct Work {
    let agent: Address
    let task: Task<Void, Never>
    let answer: TunnelAnswer
  }

  private let configuration: Configuration
  private let key: @Sendable (Address) -> SigningKey?
  private let handler: any TunnelResponder
  private let check: @Sendable (Address, AgentURL) async -> String?
  private let unixTime: @Sendable () -> Int64
  private let chance: @Sendable () -> Double
  private let now: @Sendable () -> Duration
  private let sleepUntil: @Sendable (Duration) async throws -> Void

  private var machine = TunnelMachine()
  private var connection: Task<Void, Never>?
  private var socket: TunnelSocket?
  private var outbox: AsyncStream<Outgoing>.Continuation?
  private var work: [RequestID: Work] = [:]
  /// Looks whether requests to the agents' URLs arrive here.
  private var checks: [Address: Task<Void, Never>] = [:]
  private var relayFeatures: TunnelFeatures = []
  /// Once a relay bound its challenges to its name, one that is not bound is somebody else's.
  private var bindsNonces = false
  private var timer: (task: Task<Void, Never>, at: Duration)?
  private var observers: [Int: AsyncStream<TunnelStatus>.Continuation] = [:]
  private var lastObserver = 0
  private var lastStatus = TunnelStatus.off

  private enum Outgoing: Sendable {
    case frame(HostFrame)
    case ping
  }

  /// - Parameters:
  ///   - key: the key of an agent; nil where it is no agent of this host any more.
  ///   - check: finds out whether requests to this URL arrive here; gives the reason where they do not.
  ///   - unixTime: the time, in seconds.
  ///   - chance: a number from 0 to 1.
  public init<Time: Clock>(
    _ configuration: Configuration, clock: Time, unixTime: @escaping @Sendable () -> Int64,
    chance: @escaping @Sendable () -> Double = { .random(in: 0...1) },
    handler: any TunnelResponder, key: @escaping @Sendable (Address) -> SigningKey?,
    check: @escaping @Sendable (Address, AgentURL) async -> String?
  ) where Time.Duration == Duration {
    self.configuration = configuration
    self.unixTime = unixTime
    self.chance = chance
    self.handler = handler
    self.key = key
    self.check = check
    let start = clock.now
    now = { start.duration(to: clock.now) }
    sleepUntil = { try await clock.sleep(until: start.advanced(by: $0), tolerance: nil) }
  }

  // MARK: For its owner

  /// Replaces the agents that are to be reached.
  public func expose(_ agents: [Address]) { perform(machine.want(agents, at: now())) }

  /// Tells that the network of this machine is another one.
  public func networkChanged() { perform(machine.networkChanged(at: now())) }

  /// Keeps the tunnel until the task is cancelled, and lets it go then, with whatever runs.
  public func run() async {
    let (forever, _) = AsyncStream.makeStream(of: Void.self)
    for await _ in forever {}
    perform(machine.want([], at: now()))
    timer?.task.cancel()
    timer = nil
    await connection?.value
    letGo()
    for observer in observers.values { observer.finish() }
    observers = [:]
  }

  public var status: TunnelStatus { machine.status(at: now()) }

  /// How it is, and again whenever that changes. A slow reader gets the latest.
  public func changes() -> AsyncStream<TunnelStatus> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: TunnelStatus.self, bufferingPolicy: .bufferingNewest(1))
    lastObserver += 1
    let number = lastObserver
    observers[number] = continuation
    continuation.onTermination = { _ in Task { await self.forget(observer: number) } }
    continuation.yield(status)
    return stream
  }

  /// How many requests are being answered.
  public var runningCount: Int { work.count }

  private func forget(observer: Int) { observers[observer] = nil }

  // MARK: Doing what is to be done

  private func perform(_ actions: [TunnelMachine.Action]) {
    for action in actions {
      switch action {
      case .open(let number): connection = connect(number, after: connection)
      case .close: letGo()
      case .authenticate(let agents, let nonce): authenticate(agents, nonce)
      case .add(let agent, let nonce):
        guard let nonce = TunnelNonce(nonce), let key = key(agent) else { break }
        let time = unixTime()
        say(.addAgent(AgentProof(by: key, nonce: nonce, timestamp: time), nonce: nonce, timestamp: time))
      case .remove(let agent):
        say(.removeAgent(agent))
        stop(agent)
      case .requestChallenge: say(.requestChallenge)
      case .pong(let time): say(.pong(time))
      case .probe: push(.ping)
      case .check(let agent, let url): look(at: url, of: agent)
      }
    }
    wake()
    tell()
  }

  private func authenticate(_ agents: [Address], _ nonce: String) {
    guard let nonce = TunnelNonce(nonce) else { return }
    let time = unixTime()
    let proofs = agents.compactMap { agent in
      key(agent).map { AgentProof(by: $0, nonce: nonce, timestamp: time) }
    }
    say(
      .auth(
        TunnelAuthentication(
          agents: proofs, nonce: nonce, timestamp: time,
          features: relayFeatures.isEmpty ? [] : Self.features)))
  }

  private func look(at text: String, of agent: Address) {
    guard let url = AgentURL(text, of: agent, at: configuration.relay) else { return }
    let check = check
    checks[agent]?.cancel()
    checks[agent] = Task {
      let failure = await check(agent, url)
      if !Task.isCancelled { self.checked(agent, text, failure) }
    }
  }

  private func checked(_ agent: Address, _ url: String, _ failure: String?) {
    checks[agent] = nil
    machine.checked(agent, url: url, failure: failure, at: now())
    perform([])
  }

  /// Sets the timer, unless it is set to an earlier time: one that rings too early does no harm.
  private func wake() {
    guard let deadline = machine.deadline else { return }
    if let timer, timer.at <= deadline { return }
    timer?.task.cancel()
    let task = Task { [sleepUntil] in
      guard (try? await sleepUntil(deadline)) != nil, !Task.isCancelled else { return }
      self.ring()
    }
    timer = (task, deadline)
  }

  private func ring() {
    timer = nil
    perform(machine.passed(at: now(), chance: chance()))
  }

  private func tell() {
    guard !observers.isEmpty else { return }
    let status = status
    guard status != lastStatus else { return }
    lastStatus = status
    for observer in observers.values { observer.yield(status) }
  }

  // MARK: The socket

  /// Opens a tunnel when the one before is gone.
  private func connect(_ number: Int, after previous: Task<Void, Never>?) -> Task<Void, Never> {
    let configuration = configuration
    return Task {
      await previous?.value
      var fault = TunnelFault.lost
      do {
        try Task.checkCancellation()
        try await TunnelSocket.run(
          to: configuration.relay, trust: configuration.trust, limits: configuration.limits
        ) { event in
          try await self.take(event, of: number, configuration.limits)
        }
      } catch let thrown as TunnelFault {
        fault = thrown
      } catch {}
      self.ended(number, fault)
    }
  }

  /// Reads frames away from the actor: a large one takes a while.
  private nonisolated func take(
    _ event: TunnelSocket.Event, of number: Int, _ limits: FrameLimits
  ) async throws {
    switch event {
    case .opened(let socket): try await opened(number, socket)
    case .life: await heard(number)
    case .message(let message):
      let frame: RelayFrame
      do throws(FrameRefusal) {
        frame = try RelayFrame(message, limits: limits)
      } catch {
        throw TunnelFault.malformed
      }
      try await received(frame, of: number)
    }
  }

  private func opened(_ number: Int, _ socket: TunnelSocket) throws {
    guard number == machine.number else { throw CancellationError() }
    self.socket = socket
    relayFeatures = []
    let (frames, outbox) = AsyncStream.makeStream(
      of: Outgoing.self, bufferingPolicy: .bufferingOldest(Self.outboxLimit))
    self.outbox = outbox
    Task {
      for await outgoing in frames {
        switch outgoing {
        case .frame(let frame): try? await socket.send(frame)
        case .ping: try? await socket.ping()
        }
      }
    }
    perform(machine.opened(at: now()))
  }

  private func heard(_ number: Int) {
    guard number == machine.number else { return }
    machine.heardSomething(at: now())
  }

  private func ended(_ number: Int, _ fault: TunnelFault) {
    guard number == machine.number else { return }
    letGo()
    perform(machine.closed(fault, at: now(), chance: chance()))
  }

  /// Ends the tunnel and everything that was to be sent through it.
  private func letGo() {
    connection?.cancel()
    outbox?.finish()
    (outbox, socket) = (nil, nil)
    for work in work.values { work.task.cancel() }
    for check in checks.values { check.cancel() }
    checks = [:]
  }

  /// Ends what is done for an agent that is not to be reached any more.
  private func stop(_ agent: Address) {
    for work in work.values where work.agent == agent { work.task.cancel() }
    checks.removeValue(forKey: agent)?.cancel()
  }

  private func say(_ frame: HostFrame) { push(.frame(frame)) }

  private func push(_ outgoing: Outgoing) {
    guard let outbox else { return }
    // A relay that asks on and on and reads nothing loses its tunnel.
    if case .dropped = outbox.yield(outgoing) { connection?.cancel() }
  }

  // MARK: Frames

  private func received(_ frame: RelayFrame, of number: Int) throws {
    guard number == machine.number else { throw CancellationError() }
    machine.heardSomething(at: now())
    switch frame {
    case .challenge(let nonce, let features):
      guard isOurs(nonce, features) else {
        throw TunnelFault.refused(code: "the challenge is another relay's")
      }
      relayFeatures = features
      perform(machine.challenged(nonce.text, at: now()))
    case .authenticated(let agents, let rejected):
      perform(
        machine.authenticated(
          agents.map { ($0.address, url(of: $0)) }, rejected: rejected.map { ($0.address, $0.reason.word) },
          at: now()))
    case .authError(let code): throw TunnelFault.refused(code: code.word)
    case .agentAdded(let agent): perform(machine.added(agent.address, url: url(of: agent), at: now()))
    case .agentRemoved(let agent): perform(machine.removed(agent, at: now()))
    case .ping(let time): perform(machine.pinged(time))
    case .error(let code): perform(machine.failed(code.word, at: now()))
    case .request(let request): serve(request)
    case .unreadable(let id, let refusal):
      guard work[id] == nil else { break }
      let (status, code) = refusal.answer
      say(.answer(TunnelAnswer.error(id, status, code)))
    case .cancel(let id): work[id]?.task.cancel()
    case .pause(let id): work[id]?.answer.pause()
    case .resume(let id): work[id]?.answer.resume()
    // One that is answered meanwhile needs no window.
    case .window(let id, let end): work[id]?.answer.widen(to: end)
    case .unknown: break
    }
  }

  /// Where the relay says that an agent is reached; nil where that cannot be.
  private func url(of agent: RegisteredAgent) -> String? {
    AgentURL(agent.url, of: agent.address, at: configuration.relay)?.text
  }

  /// Whether this challenge comes from the relay that was dialled, as far as that can be known.
  private func isOurs(_ nonce: TunnelNonce, _ features: TunnelFeatures) -> Bool {
    guard features.contains(.bound) else { return !bindsNonces }
    guard nonce.isBound(to: configuration.relay.host) else { return false }
    bindsNonces = true
    return true
  }

  private func serve(_ request: RelayRequest) {
    let id = request.id
    // The name of a request that is being answered is not given again by a relay that means well.
    guard let socket, work[id] == nil else { return }
    guard request.path != nil else { return say(.answer(TunnelAnswer.error(id, 502, "invalid_path"))) }
    guard let agent = request.headers["x-agent-address"].flatMap({ Address(ignoringChecksum: $0) }),
      machine.isUp(agent)
    else { return say(.answer(TunnelAnswer.error(id, 502, "agent_offline"))) }
    guard work.count < configuration.parallelRequests else {
      return say(.answer(TunnelAnswer.error(id, 503, "server_overloaded")))
    }
    let (now, sleepUntil, patience) = (now, sleepUntil, configuration.patience)
    let answer = TunnelAnswer(
      to: id, features: relayFeatures, window: request.window,
      patience: { try await sleepUntil(now() + patience) }, send: { try await socket.send($0) })
    let task = Task { [handler] in
      await handler.answer(request, to: agent, with: answer)
      self.answered(id)
      await answer.conclude()
    }
    work[id] = Work(agent: agent, task: task, answer: answer)
  }

  private func answered(_ id: RequestID) { work[id] = nil }
}

extension FrameRefusal {
  /// What the caller of a request is told that cannot be read.
  fileprivate var answer: (status: Int, code: String) {
    switch self {
    case .tooLong("body"): (413, "body_too_large")
    case .tooLong("headers"), .tooMany("headers"): (431, "headers_too_large")
    default: (400, "bad_request")
    }
  }
}

extension TunnelErrorCode {
  /// The code in one short word, whatever a relay says.
  fileprivate var word: String {
    let word = String(
      rawValue.unicodeScalars.filter { $0.isASCII && $0.value > 0x20 && $0.value < 0x7f }.prefix(64).map(
        Character.init))
    return word.isEmpty ? "unknown" : word
  }
}
