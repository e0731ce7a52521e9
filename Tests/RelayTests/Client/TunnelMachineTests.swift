import Identity
import Testing

@testable import Relay

@Suite("The host's end of a tunnel")
struct TunnelMachineTests {
  private let agents = (0..<60).map { number in
    Address(bytes: [UInt8](repeating: 0, count: 18) + [UInt8(number >> 8), UInt8(number & 255)])!
  }

  private func url(_ agent: Address) -> String { "https://\(agent.lowercased).relay.example" }

  /// A machine with an open tunnel on which these agents are up.
  private func open(_ wanted: [Address], at now: Duration = .zero) -> TunnelMachine {
    var machine = TunnelMachine()
    _ = machine.want(wanted, at: now)
    _ = machine.opened(at: now)
    _ = machine.challenged("n0", at: now)
    _ = machine.authenticated(wanted.map { ($0, url($0)) }, rejected: [], at: now)
    return machine
  }

  private func standing(_ machine: TunnelMachine, _ agent: Address) -> TunnelStatus.Agent.Standing? {
    machine.status(at: .zero).agents.first { $0.address == agent }?.standing
  }

  // MARK: Opening

  @Test("a tunnel is opened when there is an agent, and all agents are proven with its first challenge")
  func opens() {
    var machine = TunnelMachine()
    #expect(machine.deadline == nil)
    #expect(machine.want([], at: .zero) == [])
    #expect(machine.want([agents[1], agents[0]], at: .zero) == [.open(1)])
    #expect(machine.opened(at: .seconds(1)) == [])
    #expect(
      machine.challenged("nonce", at: .seconds(1)) == [.authenticate([agents[0], agents[1]], nonce: "nonce")])
    // One challenge, one proof.
    #expect(machine.challenged("another", at: .seconds(1)) == [])
    let checks = machine.authenticated(
      [(agents[0], url(agents[0])), (agents[1], url(agents[1]))], rejected: [], at: .seconds(1))
    #expect(checks == [.check(agents[0], url: url(agents[0])), .check(agents[1], url: url(agents[1]))])
    #expect(machine.status(at: .zero).connection == .open)
    #expect(machine.isUp(agents[0]) && machine.isUp(agents[1]) && !machine.isUp(agents[2]))
    #expect(standing(machine, agents[0]) == .up(url: url(agents[0]), .checking))
    #expect(machine.pinged(42) == [.pong(42)])
  }

  @Test("an agent that the relay names and that was not proven is nobody here")
  func notProven() {
    var machine = TunnelMachine()
    _ = machine.want([agents[0]], at: .zero)
    _ = machine.opened(at: .zero)
    _ = machine.challenged("n", at: .zero)
    let actions = machine.authenticated(
      [(agents[0], url(agents[0])), (agents[5], url(agents[5]))], rejected: [(agents[6], "x")], at: .zero)
    #expect(actions == [.check(agents[0], url: url(agents[0]))])
    #expect(!machine.isUp(agents[5]))
    #expect(machine.added(agents[7], url: url(agents[7]), at: .zero) == [])
    #expect(!machine.isUp(agents[7]))
  }

  @Test("a relay that does not go on within its time is let go of, at each step", arguments: 0..<3)
  func slow(step: Int) {
    var machine = TunnelMachine()
    _ = machine.want([agents[0]], at: .zero)
    if step > 0 { _ = machine.opened(at: .zero) }
    if step > 1 { _ = machine.challenged("n", at: .zero) }
    let deadline = step == 0 ? TunnelMachine.Limits.opening : TunnelMachine.Limits.answer
    #expect(machine.deadline == deadline)
    #expect(machine.passed(at: deadline - .milliseconds(1), chance: 0) == [])
    #expect(machine.passed(at: deadline, chance: 0) == [.close])
    #expect(machine.status(at: deadline).connection == .waiting(.silent, seconds: 0))
  }

  @Test("words that come at the wrong time do nothing")
  func outOfOrder() {
    var machine = TunnelMachine()
    #expect(machine.challenged("n", at: .zero) == [])
    #expect(machine.authenticated([(agents[0], "u")], rejected: [], at: .zero) == [])
    #expect(machine.opened(at: .zero) == [])
    #expect(machine.closed(.lost, at: .zero, chance: 0) == [])
    _ = machine.want([agents[0]], at: .zero)
    #expect(machine.challenged("n", at: .zero) == [])
    #expect(machine.failed("x", at: .zero) == [])
    #expect(machine.removed(agents[0], at: .zero) == [])
    #expect(!machine.isUp(agents[0]))
  }

  // MARK: Opening again

  @Test("a tunnel that breaks is opened again: after 1, 2, 4 … 60 seconds, half of it left to chance")
  func backoff() {
    var machine = TunnelMachine()
    var now = Duration.zero
    #expect(machine.want([agents[0]], at: now) == [.open(1)])
    var waits: [Double] = []
    for round in 0..<9 {
      _ = machine.closed(.unreachable(reason: "x"), at: now, chance: round == 8 ? 0 : 1)
      let deadline = machine.deadline ?? .zero
      waits.append(Double((deadline - now).components.seconds))
      #expect(machine.passed(at: deadline - .milliseconds(1), chance: 0) == [])
      now = deadline
      guard case .open = machine.passed(at: now, chance: 0).first else {
        Issue.record("it was not opened again")
        return
      }
    }
    #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60, 30])
  }

  @Test("a tunnel that was good for half a minute makes good, one that broke at once does not")
  func goodLife() {
    for (life, wait) in [(Duration.seconds(31), Duration.seconds(1)), (.seconds(3), .seconds(8))] {
      var machine = TunnelMachine()
      var now = Duration.zero
      _ = machine.want([agents[0]], at: now)
      for _ in 0..<3 {
        _ = machine.closed(.lost, at: now, chance: 1)
        now = machine.deadline ?? .zero
        _ = machine.passed(at: now, chance: 0)
      }
      _ = machine.opened(at: now)
      _ = machine.challenged("n", at: now)
      _ = machine.authenticated([(agents[0], url(agents[0]))], rejected: [], at: now)
      now += life
      _ = machine.closed(.lost, at: now, chance: 1)
      #expect(machine.deadline == now + wait)
      #expect(standing(machine, agents[0]) == .waiting)
    }
  }

  @Test("a relay that turns the host away is asked again ever more slowly, and never given up")
  func refused() {
    var machine = TunnelMachine()
    var now = Duration.zero
    _ = machine.want([agents[0]], at: now)
    var waits: [Int64] = []
    for _ in 0..<40 {
      _ = machine.closed(.refused(code: "signature_verification_failed"), at: now, chance: 1)
      let deadline = machine.deadline ?? .zero
      waits.append((deadline - now).components.seconds)
      // A change of the network is no reason to hurry.
      #expect(machine.networkChanged(at: now) == [])
      now = deadline
      #expect(machine.passed(at: now, chance: 0).count == 1)
    }
    #expect(waits.prefix(7) == [30, 60, 120, 240, 480, 900, 900])
    #expect(waits.last == 900)
  }

  @Test(
    "when the network changes, a tunnel that waits is opened at once, and one that is open is asked for life")
  func network() {
    var machine = TunnelMachine()
    _ = machine.want([agents[0]], at: .zero)
    for _ in 0..<5 {
      _ = machine.closed(.lost, at: .zero, chance: 1)
      guard case .open = machine.networkChanged(at: .zero).first else {
        Issue.record("it was not opened")
        return
      }
    }
    var lively = open([agents[0]])
    #expect(lively.networkChanged(at: .seconds(1)) == [.probe])
    lively.heardSomething(at: .seconds(2))
    #expect(lively.passed(at: .seconds(20), chance: 0) == [])
    var dead = open([agents[0]])
    #expect(dead.networkChanged(at: .seconds(1)) == [.probe])
    #expect(dead.deadline == .seconds(16))
    #expect(dead.passed(at: .seconds(16), chance: 0) == [.close])
  }

  @Test(
    "when it changes while a tunnel is being opened, and that fails, the next one is opened at once, and once",
    arguments: 0..<3)
  func networkMeanwhile(step: Int) {
    var machine = TunnelMachine()
    var now = Duration.zero
    _ = machine.want([agents[0]], at: now)
    for _ in 0..<5 {
      _ = machine.closed(.lost, at: now, chance: 1)
      now = machine.deadline ?? .zero
      _ = machine.passed(at: now, chance: 1)
    }
    if step > 0 { _ = machine.opened(at: now) }
    if step > 1 { _ = machine.challenged("n", at: now) }
    #expect(machine.networkChanged(at: now) == [])
    now = machine.deadline ?? .zero
    let actions = machine.passed(at: now, chance: 1)
    guard actions.count == 2, actions[0] == .close, case .open = actions[1] else {
      Issue.record("\(actions)")
      return
    }
    #expect(machine.closed(.lost, at: now, chance: 1) == [])
    #expect(machine.status(at: now).connection == .waiting(.lost, seconds: 1))
  }

  @Test("an agent for which the relay gives a URL that is not the agent's is neither up nor told of")
  func foreignURL() {
    var machine = TunnelMachine()
    _ = machine.want([agents[0], agents[1]], at: .zero)
    _ = machine.opened(at: .zero)
    _ = machine.challenged("n", at: .zero)
    let actions = machine.authenticated(
      [(agents[0], nil), (agents[1], url(agents[1]))], rejected: [], at: .zero)
    #expect(actions == [.remove(agents[0]), .check(agents[1], url: url(agents[1]))])
    #expect(!machine.isUp(agents[0]) && machine.isUp(agents[1]))
    #expect(standing(machine, agents[0]) == .rejected(reason: "invalid_url"))
    #expect(machine.status(at: .zero).url(of: agents[0]) == nil)
    // The relay's word that it is removed changes nothing about the reason.
    #expect(machine.removed(agents[0], at: .zero) == [])
    #expect(standing(machine, agents[0]) == .rejected(reason: "invalid_url"))
  }

  @Test("a relay that says nothing for a minute and a half is gone")
  func silence() {
    var machine = open([agents[0]])
    machine.checked(agents[0], url: url(agents[0]), failure: nil, at: .zero)
    machine.heardSomething(at: .seconds(30))
    #expect(machine.deadline == .seconds(120))
    #expect(machine.passed(at: .seconds(119), chance: 0) == [])
    #expect(machine.passed(at: .seconds(120), chance: 0) == [.close])
    #expect(!machine.isUp(agents[0]))
  }

  // MARK: Agents come and go

  @Test("agents that come later are proven one after another, each with the challenge that was asked for it")
  func adds() {
    var machine = open([agents[0]])
    #expect(machine.want([agents[0], agents[2], agents[1]], at: .zero) == [.requestChallenge])
    #expect(machine.challenged("n1", at: .zero) == [.add(agents[1], nonce: "n1")])
    #expect(machine.challenged("n2", at: .zero) == [])
    #expect(
      machine.added(agents[1], url: url(agents[1]), at: .zero)
        == [.check(agents[1], url: url(agents[1])), .requestChallenge])
    #expect(machine.challenged("n2", at: .zero) == [.add(agents[2], nonce: "n2")])
    _ = machine.added(agents[2], url: url(agents[2]), at: .zero)
    #expect(machine.isUp(agents[2]))
    #expect(machine.want([agents[0]], at: .zero) == [.remove(agents[1]), .remove(agents[2])])
    #expect(!machine.isUp(agents[1]))
  }

  @Test("an agent that is taken back while it is being added is not added, or is removed")
  func takenBack() {
    var early = open([agents[0]])
    _ = early.want([agents[0], agents[1]], at: .zero)
    #expect(early.want([agents[0]], at: .zero) == [])
    #expect(early.challenged("n", at: .zero) == [])
    #expect(!early.isUp(agents[1]))
    var late = open([agents[0]])
    _ = late.want([agents[0], agents[1]], at: .zero)
    _ = late.challenged("n", at: .zero)
    _ = late.want([agents[0]], at: .zero)
    #expect(late.added(agents[1], url: url(agents[1]), at: .zero) == [.remove(agents[1])])
    #expect(!late.isUp(agents[1]))
  }

  @Test("agents that the relay does not take are told with the reason, and brought again after a minute")
  func rejected() {
    var machine = TunnelMachine()
    _ = machine.want([agents[0], agents[1]], at: .zero)
    _ = machine.opened(at: .zero)
    _ = machine.challenged("n", at: .zero)
    _ = machine.authenticated(
      [(agents[0], url(agents[0]))], rejected: [(agents[1], "already_registered")], at: .zero)
    machine.checked(agents[0], url: url(agents[0]), failure: nil, at: .zero)
    #expect(standing(machine, agents[1]) == .rejected(reason: "already_registered"))
    #expect(machine.deadline == .seconds(60))
    machine.heardSomething(at: .seconds(59))
    #expect(machine.passed(at: .seconds(60), chance: 0) == [.requestChallenge])
    #expect(machine.challenged("n1", at: .seconds(60)) == [.add(agents[1], nonce: "n1")])
    #expect(machine.failed("address_already_registered", at: .seconds(61)) == [])
    #expect(standing(machine, agents[1]) == .rejected(reason: "address_already_registered"))
    machine.heardSomething(at: .seconds(120))
    #expect(machine.passed(at: .seconds(121), chance: 0) == [.requestChallenge])
    _ = machine.challenged("n2", at: .seconds(121))
    _ = machine.added(agents[1], url: url(agents[1]), at: .seconds(121))
    #expect(machine.isUp(agents[1]) && machine.isUp(agents[0]))
  }

  @Test("a challenge that never comes holds nobody up but the agent that it was for")
  func challengeNeverComes() {
    var machine = open([agents[0]])
    machine.checked(agents[0], url: url(agents[0]), failure: nil, at: .zero)
    _ = machine.want([agents[0], agents[1], agents[2]], at: .zero)
    #expect(machine.deadline == .seconds(15))
    machine.heardSomething(at: .seconds(14))
    #expect(machine.passed(at: .seconds(15), chance: 0) == [.requestChallenge])
    #expect(standing(machine, agents[1]) == .rejected(reason: "timeout"))
    #expect(machine.challenged("n", at: .seconds(15)) == [.add(agents[2], nonce: "n")])
  }

  @Test("an agent that the relay lets go of is down, and is brought again")
  func removedByRelay() {
    var machine = open([agents[0], agents[1]])
    _ = machine.removed(agents[1], at: .zero)
    #expect(!machine.isUp(agents[1]) && machine.isUp(agents[0]))
    machine.heardSomething(at: .seconds(60))
    #expect(machine.passed(at: .seconds(60), chance: 0).contains(.requestChallenge))
  }

  @Test("no more agents are proven at once than a tunnel takes; the others come after")
  func many() {
    var machine = TunnelMachine()
    _ = machine.want(agents, at: .zero)
    _ = machine.opened(at: .zero)
    #expect(machine.challenged("n", at: .zero) == [.authenticate(Array(agents.prefix(50)), nonce: "n")])
    let actions = machine.authenticated(agents.prefix(50).map { ($0, url($0)) }, rejected: [], at: .zero)
    #expect(actions.last == .requestChallenge)
    _ = machine.challenged("n1", at: .zero)
    _ = machine.failed("max_agents_reached", at: .zero)
    #expect(standing(machine, agents[50]) == .rejected(reason: "max_agents_reached"))
    #expect(machine.isUp(agents[0]))
  }

  @Test("with the last agent the tunnel goes, and comes again with the next")
  func lastAgent() {
    var machine = open([agents[0]])
    #expect(machine.want([], at: .zero) == [.remove(agents[0]), .close])
    #expect(machine.status(at: .zero) == .off)
    #expect(machine.deadline == nil)
    #expect(machine.closed(.lost, at: .zero, chance: 0) == [])
    guard case .open = machine.want([agents[1]], at: .zero).first else {
      Issue.record("it did not come again")
      return
    }
  }

  // MARK: Routes

  @Test("a public URL that leads elsewhere is told, and looked at again until it leads here")
  func routes() {
    var machine = open([agents[0]])
    let url = url(agents[0])
    machine.checked(agents[0], url: "https://other", failure: nil, at: .zero)
    #expect(standing(machine, agents[0]) == .up(url: url, .checking))
    machine.checked(agents[0], url: url, failure: "it does not answer", at: .zero)
    #expect(standing(machine, agents[0]) == .up(url: url, .failed(reason: "it does not answer")))
    machine.heardSomething(at: .seconds(59))
    let again = machine.deadline ?? .zero
    #expect(again == TunnelMachine.Limits.route)
    machine.heardSomething(at: again)
    #expect(machine.passed(at: again, chance: 0) == [.check(agents[0], url: url)])
    machine.checked(agents[0], url: url, failure: nil, at: again)
    #expect(standing(machine, agents[0]) == .up(url: url, .proven))
    #expect(machine.status(at: .zero).isProven(agents[0]))
  }

  @Test("whatever a relay says, in whatever order, the machine goes on: it neither stops nor invents agents")
  func anything() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var machine = TunnelMachine()
      var now = Duration.zero
      let wanted = Array(agents.prefix(3))
      _ = machine.want(wanted, at: now)
      for _ in 0..<60 {
        now += .seconds(Int.random(in: 0...40, using: &random))
        let agent = agents[Int.random(in: 0..<5, using: &random)]
        switch Int.random(in: 0..<9, using: &random) {
        case 0: _ = machine.opened(at: now)
        case 1: _ = machine.challenged("n", at: now)
        case 2: _ = machine.authenticated([(agent, url(agent))], rejected: [(agents[1], "x")], at: now)
        case 3: _ = machine.added(agent, url: url(agent), at: now)
        case 4: _ = machine.removed(agent, at: now)
        case 5: _ = machine.failed("x", at: now)
        case 6: _ = machine.closed(.lost, at: now, chance: 0.5)
        case 7: machine.heardSomething(at: now)
        default: _ = machine.passed(at: now, chance: 0.5)
        }
        #expect(!machine.isUp(agents[3]) && !machine.isUp(agents[4]))
        #expect(machine.deadline != nil)
        #expect(machine.status(at: now).agents.count == 3)
      }
    }
  }
}
