import Foundation
import Identity
import Synchronization
import Testing

@testable import Host
@testable import Pairing

@Suite("Where connectors wait", .timeLimit(.minutes(5)))
struct PairingDeskTests {
  /// Time that a test moves: waiting ends when the test says so.
  final class Hands: Sendable {
    private let start = ContinuousClock.now
    private let passed = Mutex<Int64>(0)
    private let sleepers = Mutex<[Signal<Void>]>([])
    let asleep = Signal<Void>()

    var time: PairingTime {
      PairingTime(
        now: { self.start + .seconds(self.passed.withLock { $0 }) },
        date: { Date(timeIntervalSince1970: 1_800_000_000) },
        sleep: { duration in
          #expect(duration == PairingDesk.patience)
          let signal = Signal<Void>()
          self.sleepers.withLock { $0.append(signal) }
          self.asleep.fulfil(.success(()))
          try await withTaskCancellationHandler {
            try await signal.value()
          } onCancel: {
            signal.fulfil(.failure(CancellationError()))
          }
        })
    }

    func advance(by seconds: Int64) { passed.withLock { $0 += seconds } }

    /// Ends every waiting.
    func ring() async throws {
      try await asleep.value()
      for sleeper in sleepers.withLock({ $0 }) { sleeper.fulfil(.success(())) }
    }
  }

  private final class Flag: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
  }

  private static func visitor(_ source: String = "192.0.2.7") throws -> PairingVisitor {
    let connector = try MasterKey.generate().address
    return PairingVisitor(
      connector: connector, words: PairingWords(agent: "a", nonce: "n", connector: connector, encPub: nil),
      agent: UUID(), agentName: "Ada", agentAddress: connector, source: SourceAddress(literal: source))
  }

  private enum Told: Hashable, Sendable {
    case busy, stale, denied
    case admitted(Bool)
    case failed
  }

  /// Lets somebody ask; what is made is whether it is for ever.
  private static func ask(
    _ desk: PairingDesk, _ visitor: PairingVisitor, _ nonce: PairingNonce? = nil, peer: UUID = UUID(),
    whenAllowed: @escaping @Sendable () async throws -> Void = {}
  ) -> Task<Told, any Error> {
    let nonce = nonce ?? desk.challenge()
    return Task {
      let reception = try await desk.receive(visitor, with: nonce) { isPermanent in
        try await whenAllowed()
        return (peer, isPermanent)
      }
      switch reception {
      case .busy: return .busy
      case .stale: return .stale
      case .denied: return .denied
      case .admitted(let isPermanent): return .admitted(isPermanent)
      case .failed: return .failed
      }
    }
  }

  private static func waiting(_ desk: PairingDesk) async -> WaitingVisitor {
    while true {
      let (revision, waiting) = desk.list()
      if let first = waiting.first { return first }
      await desk.change(after: revision)
    }
  }

  @Test("whom the owner allows is let in, for as long as the owner said", arguments: [true, false])
  func allowed(isPermanent: Bool) async throws {
    let (desk, visitor, peer) = (PairingDesk(), try Self.visitor(), UUID())
    let asking = Self.ask(desk, visitor, peer: peer)
    let waiting = await Self.waiting(desk)
    #expect(waiting.visitor == visitor)
    #expect(waiting.endsAt.timeIntervalSince(waiting.askedAt) == 120)
    let ending = try await desk.decide(.allowed(isPermanent: isPermanent), on: waiting.id.uppercased())
    #expect(ending == .paired(peer: peer))
    #expect(try await asking.value == .admitted(isPermanent))
    #expect(desk.list().waiting.isEmpty)
  }

  @Test("nobody is let in whom the owner was not shown")
  func unseen() async throws {
    let id = "0badcafe"
    let desk = PairingDesk(makeID: { id })
    let asking = Self.ask(desk, try Self.visitor())
    await desk.change(after: 0)
    await #expect(throws: PairingDesk.Deafness.gone) {
      _ = try await desk.decide(.allowed(isPermanent: false), on: "00000000")
    }
    await #expect(throws: PairingDesk.Deafness.unseen) {
      _ = try await desk.decide(.allowed(isPermanent: false), on: id)
    }
    // Whoever only has a look has shown nothing to anybody, nor has who showed another one.
    #expect(desk.peek().waiting?.id == id)
    desk.markShown("00000000")
    await #expect(throws: PairingDesk.Deafness.unseen) {
      _ = try await desk.decide(.allowed(isPermanent: false), on: id)
    }
    desk.markShown(id)
    _ = try await desk.decide(.denied, on: id)
    #expect(try await asking.value == .denied)
  }

  @Test("a second one is told that the desk is busy, keeps its nonce, and is next")
  func busy() async throws {
    let desk = PairingDesk()
    let first = Self.ask(desk, try Self.visitor())
    let waiting = await Self.waiting(desk)
    let nonce = desk.challenge()
    #expect(try await Self.ask(desk, try Self.visitor(), nonce).value == .busy)
    #expect(desk.holds(nonce))
    _ = try await desk.decide(.denied, on: waiting.id)
    #expect(try await first.value == .denied)
    let second = Self.ask(desk, try Self.visitor(), nonce)
    _ = try await desk.decide(.allowed(isPermanent: false), on: await Self.waiting(desk).id)
    #expect(try await second.value == .admitted(false))
  }

  @Test("of many who ask at once one waits, and all others are told so")
  func race() async throws {
    let desk = PairingDesk()
    let askers = try (0..<20).map { _ in Self.ask(desk, try Self.visitor()) }
    let waiting = await Self.waiting(desk)
    let (answers, sink) = AsyncStream<Told>.makeStream()
    for asker in askers { Task { sink.yield((try? await asker.value) ?? .failed) } }
    var told = answers.makeAsyncIterator()
    for _ in 0..<19 {
      let answer = await told.next()
      #expect(answer == .busy)
    }
    _ = try await desk.decide(.allowed(isPermanent: false), on: waiting.id)
    let last = await told.next()
    #expect(last == .admitted(false))
  }

  @Test("of two with one nonce, one is asked about, at the most")
  func oneNonce() async throws {
    let desk = PairingDesk()
    let nonce = desk.challenge()
    let first = Self.ask(desk, try Self.visitor(), nonce)
    let id = await Self.waiting(desk).id
    _ = try await desk.decide(.denied, on: id)
    #expect(try await first.value == .denied)
    #expect(try await Self.ask(desk, try Self.visitor("198.51.100.1"), nonce).value == .stale)
    #expect(desk.list().waiting.isEmpty)
  }

  @Test("who is not answered for two minutes is denied, and a late word makes nothing")
  func late() async throws {
    let hands = Hands()
    let desk = PairingDesk(time: hands.time)
    let made = Flag()
    let asking = Self.ask(desk, try Self.visitor(), whenAllowed: { made.set() })
    let id = await Self.waiting(desk).id
    try await hands.ring()
    #expect(try await asking.value == .denied)
    await #expect(throws: PairingDesk.Deafness.gone) {
      _ = try await desk.decide(.allowed(isPermanent: true), on: id)
    }
    #expect(!made.isSet)
  }

  @Test("a denial keeps its network away for half a minute, and no other")
  func cooldown() async throws {
    let hands = Hands()
    let desk = PairingDesk(time: hands.time)
    let asking = Self.ask(desk, try Self.visitor("2001:db8::1"))
    _ = try await desk.decide(.denied, on: await Self.waiting(desk).id)
    #expect(try await asking.value == .denied)
    let (same, other) = (SourceAddress(literal: "2001:db8::2")!, SourceAddress(literal: "192.0.2.7")!)
    #expect(desk.isBlocked(same) && !desk.isBlocked(other))
    hands.advance(by: 29)
    #expect(desk.isBlocked(same))
    hands.advance(by: 1)
    #expect(!desk.isBlocked(same))
  }

  @Test("a connector that has gone is asked about no more, and gets nothing")
  func gone() async throws {
    let desk = PairingDesk()
    let made = Flag()
    let asking = Self.ask(desk, try Self.visitor(), whenAllowed: { made.set() })
    let id = await Self.waiting(desk).id
    asking.cancel()
    await #expect(throws: CancellationError.self) { _ = try await asking.value }
    #expect(desk.list().waiting.isEmpty)
    await #expect(throws: PairingDesk.Deafness.gone) {
      _ = try await desk.decide(.allowed(isPermanent: false), on: id)
    }
    #expect(!made.isSet)
    // The place is free again.
    let next = Self.ask(desk, try Self.visitor())
    _ = try await desk.decide(.allowed(isPermanent: false), on: await Self.waiting(desk).id)
    #expect(try await next.value == .admitted(false))
  }

  @Test("what goes wrong with an allowed request is told to both, and ends it")
  func failed() async throws {
    struct Broken: Error {}
    let desk = PairingDesk()
    let asking = Self.ask(desk, try Self.visitor(), whenAllowed: { throw Broken() })
    let ending = try await desk.decide(.allowed(isPermanent: false), on: await Self.waiting(desk).id)
    #expect(ending == .failed)
    #expect(try await asking.value == .failed)
    let cut = Self.ask(desk, try Self.visitor(), whenAllowed: { throw CancellationError() })
    #expect(try await desk.decide(.allowed(isPermanent: false), on: await Self.waiting(desk).id) == .gone)
    await #expect(throws: CancellationError.self) { _ = try await cut.value }
  }

  @Test("a closed desk lets nobody wait, neither a connector nor a watcher")
  func closed() async throws {
    let desk = PairingDesk()
    let asking = Self.ask(desk, try Self.visitor())
    _ = await Self.waiting(desk)
    let revision = desk.list().revision
    let watcher = Task { await desk.change(after: revision) }
    desk.close()
    #expect(await watcher.value == false)
    await #expect(throws: CancellationError.self) { _ = try await asking.value }
    #expect(try await Self.ask(desk, try Self.visitor()).value == .busy)
    await desk.change(after: desk.list().revision)
  }

  @Test("a watcher that goes away is forgotten")
  func watchers() async throws {
    let desk = PairingDesk()
    let watcher = Task { await desk.change(after: desk.list().revision) }
    watcher.cancel()
    #expect(await watcher.value)
  }
}
