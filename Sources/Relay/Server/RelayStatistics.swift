import NIOCore
import Synchronization

/// What a relay counts: numbers only, of all agents together.
final class RelayStatistics: Sendable {
  /// What has happened so many times.
  enum Event: Int, CaseIterable, Sendable {
    case relayedRequest, unknownFrame, refusedFrame, lateFrame, unaskedAnswer, failedAuthentication, takeover
    case brokenStream

    /// Its name in the metrics, and what it says there.
    var metric: (name: String, help: String) {
      switch self {
      case .relayedRequest: ("requests_relayed", "Requests handed to a host.")
      case .unknownFrame: ("frames_unknown", "Frames of a type that is not known here.")
      case .refusedFrame: ("frames_refused", "Messages that are no frames.")
      case .lateFrame: ("frames_late", "Frames about requests that had ended.")
      case .unaskedAnswer: ("answers_unasked", "Answers to requests that were never made.")
      case .failedAuthentication: ("authentications_failed", "Tunnels that did not prove who they are.")
      case .takeover: ("takeovers", "Dead tunnels whose agents went to a newer proof.")
      case .brokenStream: ("streams_broken", "Answers that ended before their end.")
      }
    }
  }

  private struct State {
    var events = [Int](repeating: 0, count: Event.allCases.count)
    var refusals: [RelayRefusal: Int] = [:]
    var open = 0
    var proven = 0
    var connected = 0
  }

  private let started = NIODeadline.now()
  private let state = Mutex(State())

  func count(_ event: Event) { state.withLock { $0.events[event.rawValue] += 1 } }
  func count(_ refusal: RelayRefusal) { state.withLock { $0.refusals[refusal, default: 0] += 1 } }

  func tunnelOpened() { state.withLock { $0.open += 1 } }

  func tunnelProven() {
    state.withLock { state in
      state.proven += 1
      state.connected += 1
    }
  }

  func tunnelClosed(wasProven: Bool) {
    state.withLock { state in
      state.open -= 1
      if wasProven { state.proven -= 1 }
    }
  }

  // MARK: Reading

  /// The numbers at one moment.
  struct Snapshot: Sendable {
    let uptime: Int64
    /// Tunnels whose hosts have proved who they are.
    let tunnels: Int
    /// Sockets that have proved nothing yet.
    let unproven: Int
    let connected: Int
    let events: [Event: Int]
    let refusals: [RelayRefusal: Int]
  }

  func snapshot() -> Snapshot {
    let uptime = (NIODeadline.now() - started).nanoseconds / 1_000_000_000
    return state.withLock { state in
      Snapshot(
        uptime: uptime, tunnels: state.proven, unproven: state.open - state.proven,
        connected: state.connected,
        events: Dictionary(uniqueKeysWithValues: Event.allCases.map { ($0, state.events[$0.rawValue]) }),
        refusals: state.refusals)
    }
  }
}
