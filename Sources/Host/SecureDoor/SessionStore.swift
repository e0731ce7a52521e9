import SecureChannel
import Synchronization

/// The open secure sessions, in memory alone: a restart forgets them, and clients open new ones.
///
/// There are no more than so many in all and for each network. A network that opens one too many loses its own
/// oldest. When the house is full, room is made so that nobody is pushed out by one who has as much:
///
/// - A network that would have as many as any other gives its own oldest for the new one.
/// - Else the network with the most gives its oldest.
/// - Where several have the most, the latest session of theirs goes. So a crowd that comes from ever new networks
///   pushes out the last of its own, and not those who were here before.
///
/// All that comes through relays has no more than half of the house, where it makes room among itself by the same rules.
final class SessionStore: Sendable {
  private struct Entry {
    let session: ServerSession
    /// nil for the owner.
    let source: SourceAddress?
    let number: UInt64
  }

  private struct State {
    var entries: [SessionID: Entry] = [:]
    var counts: [SourceAddress?: Int] = [:]
    var next: UInt64 = 0

    /// How many sessions came through relays.
    var relayedCount: Int { counts.reduce(0) { $0 + ($1.key?.isReported == true ? $1.value : 0) } }
  }

  private let limit: Int
  private let limitPerSource: Int
  private let state = Mutex(State())

  init(limit: Int, limitPerSource: Int) {
    self.limit = limit
    self.limitPerSource = limitPerSource
  }

  /// Keeps a session that somebody at `source` opened.
  func insert(_ session: ServerSession, from source: SourceAddress?, now: Int64) {
    let source = source?.network
    state.withLock { state in
      for (id, entry) in state.entries where entry.session.expiresAt <= now { Self.remove(id, &state) }
      let own = state.counts[source, default: 0]
      if own >= limitPerSource {
        Self.removeOldest(of: source, &state)
      } else if source?.isReported == true, state.relayedCount >= limit / 2 {
        Self.makeRoom(for: source, having: own, among: { $0?.isReported == true }, &state)
      } else if state.entries.count >= limit {
        Self.makeRoom(for: source, having: own, among: { _ in true }, &state)
      }
      state.entries[session.sid] = Entry(session: session, source: source, number: state.next)
      state.counts[source, default: 0] += 1
      state.next += 1
    }
  }

  /// The session of this name, unless it has expired.
  func find(_ id: SessionID?, now: Int64) -> ServerSession? {
    guard let id else { return nil }
    return state.withLock { state in
      guard let session = state.entries[id]?.session else { return nil }
      if session.expiresAt > now { return session }
      Self.remove(id, &state)
      return nil
    }
  }

  /// How many sessions there are.
  var count: Int { state.withLock { $0.entries.count } }

  /// The owner, whose source is nil, makes room like everybody else.
  private static func makeRoom(
    for source: SourceAddress?, having own: Int, among isMeant: (SourceAddress?) -> Bool,
    _ state: inout State
  ) {
    let counts = state.counts.filter { isMeant($0.key) }
    let most = counts.values.max() ?? 0
    guard own == 0 || own + 1 < most else { return removeOldest(of: source, &state) }
    let fullest = counts.filter { $0.value == most }
    if fullest.count == 1, let only = fullest.first { return removeOldest(of: only.key, &state) }
    let theirs = state.entries.lazy.filter { fullest[$0.value.source] != nil }
    if let latest = theirs.max(by: { $0.value.number < $1.value.number }) { remove(latest.key, &state) }
  }

  private static func removeOldest(of source: SourceAddress?, _ state: inout State) {
    let own = state.entries.lazy.filter { $0.value.source == source }
    if let oldest = own.min(by: { $0.value.number < $1.value.number }) { remove(oldest.key, &state) }
  }

  private static func remove(_ id: SessionID, _ state: inout State) {
    guard let entry = state.entries.removeValue(forKey: id) else { return }
    let left = state.counts[entry.source, default: 0] - 1
    state.counts[entry.source] = left > 0 ? left : nil
  }
}
