import Foundation
import Identity
import Pairing
import Synchronization

/// Where a connector waits for the owner's word: one at a time, and for two minutes, after which it is denied.
///
/// Others are told to come again, and keep their nonce. A denial keeps the network that it came from away for half a
/// minute. Nothing is allowed that the owner was not shown, and nothing is made for a connector that has gone.
final class PairingDesk: Sendable {
  /// How long the owner has.
  static let patience = Duration.seconds(120)
  /// How long a network stays away after a denial.
  static let cooldown = Duration.seconds(30)
  /// How many networks are remembered for that.
  static let mostBlocked = 1024

  let challenges = ChallengeStore()
  private let time: PairingTime
  private let makeID: @Sendable () -> String

  private struct Entry {
    let waiting: WaitingVisitor
    /// Whether the owner can have seen it.
    var isShown = false
    var isGone = false
    var word: PairingWord?
    var listener: CheckedContinuation<PairingWord, any Error>?
    let ending = Signal<PairingEnding>()
  }

  private struct State {
    var entry: Entry?
    /// Whether its nonce is used up; what it is not yet, nobody is shown.
    var isOpen = false
    var isClosed = false
    var blocked: [SourceAddress: ContinuousClock.Instant] = [:]
    /// Grows with everything that a watcher may wait for.
    var revision: UInt64 = 0
    var watchers: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var nextWatcher: UInt64 = 0

    mutating func takeWatchers() -> [CheckedContinuation<Void, Never>] {
      revision += 1
      defer { watchers = [:] }
      return Array(watchers.values)
    }
  }

  private let state = Mutex(State())

  /// - Parameter makeID: gives a new name for a request, in lowercase.
  init(
    time: PairingTime = PairingTime(),
    makeID: @escaping @Sendable () -> String = { UUID().uuidString.prefix(8).lowercased() }
  ) {
    self.time = time
    self.makeID = makeID
  }

  // MARK: For connectors

  /// A nonce for one request.
  func challenge() -> PairingNonce { challenges.issue(now: time.now()) }

  func holds(_ nonce: PairingNonce) -> Bool { challenges.holds(nonce, now: time.now()) }

  @discardableResult
  func consume(_ nonce: PairingNonce) -> Bool { challenges.consume(nonce, now: time.now()) }

  /// Whether a network has to stay away for now.
  func isBlocked(_ source: SourceAddress) -> Bool {
    let (network, now) = (source.network, time.now())
    return state.withLock { state in state.blocked[network].map { now < $0 } ?? false }
  }

  /// What a connector is told.
  enum Reception<Made: Sendable>: Sendable {
    /// Somebody else waits. Nothing was used up.
    case busy
    /// The nonce was used, or has ended.
    case stale
    case denied
    case admitted(Made)
    /// The owner allowed it, and nothing came of it.
    case failed(any Error)
  }

  /// Asks the owner.
  /// - Parameter admit: makes what the connector gets, where the owner allows it.
  /// - Throws: `CancellationError` when the connector goes before it has anything.
  func receive<Made: Sendable>(
    _ visitor: PairingVisitor, with nonce: PairingNonce,
    admit: (_ isPermanent: Bool) async throws -> (peer: UUID, made: Made)
  ) async throws -> Reception<Made> {
    guard let (id, end) = sitDown(visitor) else { return .busy }
    guard consume(nonce) else {
      leave(id, end, .gone)
      return .stale
    }
    open(id)
    do {
      switch try await word(for: id) {
      case .denied:
        block(visitor.source)
        leave(id, end, .denied)
        return .denied
      case .allowed(let isPermanent):
        try Task.checkCancellation()
        let (peer, made) = try await admit(isPermanent)
        leave(id, end, .paired(peer: peer))
        return .admitted(made)
      }
    } catch {
      let isGone = error is CancellationError || Task.isCancelled
      leave(id, end, isGone ? .gone : .failed)
      if isGone { throw CancellationError() }
      return .failed(error)
    }
  }

  private func sitDown(_ visitor: PairingVisitor) -> (id: String, end: Signal<PairingEnding>)? {
    let date = time.date()
    let waiting = WaitingVisitor(
      id: makeID(), visitor: visitor, askedAt: date,
      endsAt: date.addingTimeInterval(TimeInterval(Self.patience.components.seconds)))
    return state.withLock { state in
      guard state.entry == nil, !state.isClosed else { return nil }
      let entry = Entry(waiting: waiting)
      state.entry = entry
      state.isOpen = false
      return (waiting.id, entry.ending)
    }
  }

  private func open(_ id: String) {
    let watchers = state.withLock { state in
      state.isOpen = state.entry?.waiting.id == id
      return state.takeWatchers()
    }
    for watcher in watchers { watcher.resume() }
  }

  private func leave(_ id: String, _ end: Signal<PairingEnding>, _ ending: PairingEnding) {
    let watchers = state.withLock { state in
      state.entry = nil
      return state.takeWatchers()
    }
    end.fulfil(.success(ending))
    for watcher in watchers { watcher.resume() }
  }

  private func word(for id: String) async throws -> PairingWord {
    let timer = Task { [time] in
      try await time.sleep(Self.patience)
      _ = self.say(.denied, to: id, evenUnseen: true)
    }
    defer { timer.cancel() }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { listener in
        let known: Result<PairingWord, any Error>? = state.withLock { state in
          guard let entry = state.entry, !entry.isGone else { return .failure(CancellationError()) }
          if let word = entry.word { return .success(word) }
          state.entry?.listener = listener
          return nil
        }
        if let known { listener.resume(with: known) }
      }
    } onCancel: {
      abandon(id)
    }
  }

  /// The connector has gone.
  private func abandon(_ id: String) {
    let listener = state.withLock { state -> CheckedContinuation<PairingWord, any Error>? in
      guard state.entry?.waiting.id == id, state.entry?.word == nil else { return nil }
      state.entry?.isGone = true
      defer { state.entry?.listener = nil }
      return state.entry?.listener
    }
    listener?.resume(throwing: CancellationError())
  }

  private func block(_ source: SourceAddress?) {
    guard let network = source?.network else { return }
    let now = time.now()
    state.withLock { state in
      for (network, end) in state.blocked where end <= now { state.blocked[network] = nil }
      if state.blocked.count >= Self.mostBlocked,
        let first = state.blocked.min(by: { $0.value < $1.value })
      {
        state.blocked[first.key] = nil
      }
      state.blocked[network] = now + Self.cooldown
    }
  }

  // MARK: For the owner

  /// Why the owner's word does not count.
  enum Deafness: Error, Hashable {
    /// No connector waits under that id any more.
    case gone
    /// The owner was not shown who asks.
    case unseen
  }

  /// Who waits. Whoever is in the list counts as shown.
  func list() -> (revision: UInt64, waiting: [WaitingVisitor]) {
    let (revision, waiting) = peek()
    if let waiting { markShown(waiting.id) }
    return (revision, waiting.map { [$0] } ?? [])
  }

  /// Who waits, for what has to be shown yet.
  func peek() -> (revision: UInt64, waiting: WaitingVisitor?) {
    state.withLock { state in
      guard state.isOpen, let entry = state.entry, !entry.isGone, entry.word == nil else {
        return (state.revision, nil)
      }
      return (state.revision, entry.waiting)
    }
  }

  /// The owner can see who asks, and its words.
  func markShown(_ id: String) {
    state.withLock { state in
      if state.entry?.waiting.id == id { state.entry?.isShown = true }
    }
  }

  /// Waits until there may be something else to list than at a revision; until the desk is closed, or the waiting task
  /// cancelled, at the latest.
  /// - Returns: whether the desk is open still.
  @discardableResult
  func change(after revision: UInt64) async -> Bool {
    let number = state.withLock { state in
      state.nextWatcher += 1
      return state.nextWatcher
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { watcher in
        let isOver = state.withLock { state in
          if state.revision != revision || state.isClosed || Task.isCancelled { return true }
          state.watchers[number] = watcher
          return false
        }
        if isOver { watcher.resume() }
      }
    } onCancel: {
      state.withLock { $0.watchers.removeValue(forKey: number) }?.resume()
    }
    return state.withLock { !$0.isClosed }
  }

  /// Says the owner's word, and waits for what comes of it.
  /// - Throws: ``Deafness``.
  func decide(_ word: PairingWord, on id: String) async throws -> PairingEnding {
    try await say(word, to: id.lowercased(), evenUnseen: false).get().value()
  }

  private func say(
    _ word: PairingWord, to id: String, evenUnseen: Bool
  ) -> Result<Signal<PairingEnding>, Deafness> {
    let (listener, result) = state.withLock {
      state -> (CheckedContinuation<PairingWord, any Error>?, Result<Signal<PairingEnding>, Deafness>) in
      guard state.isOpen, let entry = state.entry, entry.waiting.id == id, !entry.isGone, entry.word == nil
      else { return (nil, .failure(.gone)) }
      guard entry.isShown || evenUnseen else { return (nil, .failure(.unseen)) }
      state.entry?.word = word
      state.entry?.listener = nil
      return (entry.listener, .success(entry.ending))
    }
    listener?.resume(returning: word)
    return result
  }

  /// Lets nobody wait any more.
  func close() {
    let (id, watchers) = state.withLock { state in
      state.isClosed = true
      return (state.entry?.waiting.id, state.takeWatchers())
    }
    if let id { abandon(id) }
    for watcher in watchers { watcher.resume() }
  }
}
