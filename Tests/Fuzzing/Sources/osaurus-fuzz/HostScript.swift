import Identity
import NIOCore

@testable import Relay

/// What a relay says to a host's end of a tunnel, as a fuzzer's bytes say: to the reader of frames, to the machine that decides
/// what is done when, to windows, and to what cuts streams.
///
/// Whatever it is, the machine proves nothing for an agent that is not wanted, looks at no URL that is not the agent's, and never
/// has something to do that does not end.
struct HostScript {
  static func run(_ bytes: UnsafeBufferPointer<UInt8>) {
    var script = HostScript(input: FuzzInput(bytes))
    for _ in 0..<400 where !script.input.isEmpty { script.step() }
  }

  private static let agents = [TestKey.make(1), TestKey.make(2), TestKey.make(3)].map(\.address)
  private static let relay = try? RelayURL("wss://relay.test")

  private var input: FuzzInput
  private var machine = TunnelMachine()
  private var now = Duration.zero
  private var wanted: Set<Address> = []
  private var nonce = String(repeating: "ab", count: 32)
  private var windows: [RequestID: SendWindow] = [:]
  private var cutter = StreamCutter()

  init(input: FuzzInput) { self.input = input }

  // MARK: Steps

  private mutating func step() {
    switch input.byte() % 16 {
    case 0:
      let chosen = input.byte()
      wanted = Set(Self.agents.enumerated().filter { chosen & 1 << $0.offset != 0 }.map(\.element))
      perform(machine.want(wanted, at: now))
    case 1: perform(machine.networkChanged(at: now))
    case 2: perform(machine.opened(at: now))
    case 3:
      let fault = input.pick([.lost, .silent, .malformed, .refused(code: "x")] as [TunnelFault])
      perform(machine.closed(fault, at: now, chance: chance()))
    case 4, 5: pass(.milliseconds(input.number()))
    case 6: pass(.seconds(Int(input.byte())))
    case 7, 8, 9: read(input.text("r", nonce, Self.agents[Int(input.byte()) % 3].lowercased))
    case 10, 11, 12: if let frame = frame() { read(frame.encoded) }
    case 13: cut()
    case 14: write()
    default: machine.heardSomething(at: now)
    }
    look()
  }

  private mutating func chance() -> Double { Double(input.byte()) / 255 }

  /// A frame as a relay that means well would say it, at a time when it may not.
  private mutating func frame() -> RelayFrame? {
    let agent = Self.agents[Int(input.byte()) % 3]
    let id = RequestID(input.pick(["r", "s"]))
    let url = input.pick([
      "https://\(agent.lowercased).relay.test", "https://relay.test/a/\(agent.lowercased)", "x",
    ])
    switch input.byte() % 12 {
    case 0: return TunnelNonce(nonce).map { .challenge($0, TunnelFeatures(rawValue: input.byte())) }
    case 1: return .authenticated([RegisteredAgent(address: agent, url: url)])
    case 2: return .authenticated([], rejected: [RejectedAgent(address: agent, reason: .alreadyRegistered)])
    case 3: return .agentAdded(RegisteredAgent(address: agent, url: url))
    case 4: return .agentRemoved(agent)
    case 5: return .error(.invalidNonce)
    case 6: return .ping(Int64(input.number()))
    case 7:
      return id.map {
        .request(
          RelayRequest(
            id: $0, method: "GET", path: RelayPath("/"), headers: ["x-agent-address": agent.lowercased],
            body: input.bytes(), window: Int64(input.number())))
      }
    case 8: return id.map { .pause($0) }
    case 9: return id.map { .resume($0) }
    case 10: return id.map { .cancel($0) }
    default: return id.map { .window($0, Int64(input.number()) << Int64(input.byte() % 47)) }
    }
  }

  private mutating func pass(_ time: Duration) {
    now += time
    // Once is enough, or a few times where one thing leads to the next.
    for _ in 0..<8 {
      guard let deadline = machine.deadline, deadline <= now else { return }
      perform(machine.passed(at: now, chance: chance()))
    }
    check(machine.deadline.map { $0 > now } ?? true, "there is always something to do")
  }

  // MARK: Frames

  private mutating func read(_ message: ByteBuffer) {
    // The other side's reader is given the same.
    if let frame = try? HostFrame(message), frame != .unknown {
      check((try? HostFrame(frame.encoded)) == frame, "a host's frame is another one when it is written")
    }
    guard let frame = try? RelayFrame(message) else { return }
    switch frame {
    case .unknown, .unreadable: break
    default:
      check((try? RelayFrame(frame.encoded)) == frame, "a relay's frame is another one when it is written")
    }
    receive(frame)
  }

  /// As ``TunnelClient`` does it.
  private mutating func receive(_ frame: RelayFrame) {
    machine.heardSomething(at: now)
    switch frame {
    case .challenge(let nonce, _):
      _ = nonce.isBound(to: "relay.test")
      perform(machine.challenged(nonce.text, at: now))
    case .authenticated(let agents, let rejected):
      perform(
        machine.authenticated(
          agents.map { ($0.address, $0.url) }, rejected: rejected.map { ($0.address, $0.reason.rawValue) },
          at: now))
    case .authError(let code):
      perform(machine.closed(.refused(code: code.rawValue), at: now, chance: chance()))
    case .agentAdded(let agent): perform(machine.added(agent.address, url: agent.url, at: now))
    case .agentRemoved(let agent): perform(machine.removed(agent, at: now))
    case .ping(let time): perform(machine.pinged(time))
    case .error(let code): perform(machine.failed(code.rawValue, at: now))
    case .request(let request):
      if let agent = request.headers["x-agent-address"].flatMap({ Address(ignoringChecksum: $0) }) {
        check(!machine.isUp(agent) || wanted.contains(agent), "an agent is up that nobody wants")
      }
      windows[request.id] = request.window.map { SendWindow($0) }
    case .window(let id, let end):
      let before = windows[id]
      windows[id]?.widen(to: end)
      if let before { check(windows[id]!.end == max(before.end, end), "a window closes") }
    case .cancel(let id): windows[id] = nil
    case .pause, .resume, .unreadable, .unknown: break
    }
  }

  // MARK: Streams

  private mutating func write() {
    guard let id = windows.keys.min(by: { $0.text < $1.text }), let window = windows[id], window.isOpen else {
      return
    }
    windows[id]?.spend(input.number() % (StreamCutter.pieceBytes + 1))
    check(
      windows[id]!.sent
        < window.end.addingReportingOverflow(Int64(StreamCutter.pieceBytes) + 513).partialValue
        || window.end > Int64.max / 2, "more than one piece goes beyond the window")
  }

  private mutating func cut() {
    let bytes = input.bytes()
    var held = bytes
    for piece in cutter.add(bytes) + [cutter.finish()].compactMap(\.self) {
      check(piece.readableBytes <= StreamCutter.pieceBytes, "a piece is too long")
      check(held.readSlice(length: piece.readableBytes) == piece, "bytes are lost")
      check(!bytes.isUTF8 || piece.isUTF8, "a character is cut")
    }
    check(held.readableBytes == 0, "bytes are missing")
  }

  // MARK: What has to be so

  private mutating func perform(_ actions: [TunnelMachine.Action]) {
    for action in actions {
      switch action {
      case .open(let number): check(number == machine.number, "another tunnel's number")
      case .authenticate(let agents, _):
        check(!agents.isEmpty && agents.allSatisfy(wanted.contains), "a proof for nobody who is wanted")
      case .add(let agent, _): check(wanted.contains(agent), "a proof for an agent that nobody wants")
      case .check(let agent, let url):
        check(wanted.contains(agent), "a look at an agent that nobody wants")
        if let relay = Self.relay, let url = AgentURL(url, of: agent, at: relay) {
          check(url.text.hasPrefix("https://") && url.text.contains(agent.lowercased), "another URL")
        }
        machine.checked(agent, url: url, failure: input.byte() & 1 == 0 ? nil : "no", at: now)
      case .close, .remove, .requestChallenge, .pong, .probe: break
      }
    }
  }

  private func look() {
    let status = machine.status(at: now)
    check(Set(status.agents.map(\.address)) == wanted, "another set of agents")
    check(Self.agents.allSatisfy { !machine.isUp($0) || wanted.contains($0) }, "up and not wanted")
    if case .waiting(_, let seconds) = status.connection { check(0...900 ~= seconds, "it waits too long") }
  }

  private func check(_ isSo: Bool, _ message: @autoclosure () -> String) {
    if !isSo { fatalError(message()) }
  }
}
