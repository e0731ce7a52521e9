import Foundation
import Synchronization

/// Whose room is counted together, where there is not room for all.
enum Holder: Hashable, Sendable {
  case network(SourceAddress)
  /// The sandboxes of an agent.
  case sandbox(agent: UUID)
}

/// How many bytes of bodies the host holds at a time, and no more than it may: in all, and half of that for one
/// network, so that one cannot take the room of all others. All that comes through relays is as one network here.
final class HeldBytes: Sendable {
  private let limit: Int
  private let counts = Mutex<(all: Int, bySource: [Holder: Int])>((0, [:]))

  /// - Parameter limit: bytes.
  init(limit: Int) {
    self.limit = limit
  }

  fileprivate func take(_ bytes: Int, for source: Holder) -> Bool {
    counts.withLock { counts in
      let own = counts.bySource[source, default: 0] + bytes
      guard counts.all + bytes <= limit, own <= limit / 2 else { return false }
      counts.all += bytes
      counts.bySource[source] = own
      return true
    }
  }

  fileprivate func give(_ bytes: Int, from source: Holder) {
    counts.withLock { counts in
      counts.all -= bytes
      let own = counts.bySource[source, default: 0] - bytes
      counts.bySource[source] = own > 0 ? own : nil
    }
  }
}

/// What one request holds of them. The owner's requests are not counted.
struct HeldShare: ~Copyable {
  private let all: HeldBytes
  private let source: Holder?
  private var count = 0

  init(of all: HeldBytes, for source: SourceAddress?) {
    self.init(of: all, for: source.map(Holder.network))
  }

  init(of all: HeldBytes, for holder: Holder?) {
    self.all = all
    source =
      switch holder {
      case .network(let source): .network(source.isReported ? SourceAddress(reported: nil) : source.network)
      case .sandbox, nil: holder
      }
  }

  /// Takes more; false when there is no room, in which case nothing is taken.
  mutating func add(_ bytes: Int) -> Bool {
    guard let source else { return true }
    guard all.take(bytes, for: source) else { return false }
    count += bytes
    return true
  }

  deinit {
    if let source { all.give(count, from: source) }
  }
}
