import SecureChannel
import Synchronization

/// The open secure sessions, in memory alone: a restart forgets them, and clients open new ones.
///
/// There are no more than so many in all and for each network. A network that opens one too many loses its own
/// oldest; when the house is full, the network with the most sessions does.
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
      if state.counts[source, default: 0] >= limitPerSource {
        Self.removeOldest(of: source, &state)
      } else if state.entries.count >= limit,
        let fullest = state.counts.max(by: { $0.value < $1.value })
      {
        // The owner, whose key is nil, makes room like everybody else.
        Self.removeOldest(of: fullest.key, &state)
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
