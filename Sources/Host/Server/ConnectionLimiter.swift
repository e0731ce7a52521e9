import NIOCore
import Synchronization

/// Counts TCP connections, in all and by network, and remembers them so that they can be told to end.
///
/// Where there are too many, one that has proved nothing and on which nothing is being answered gives way to the
/// new one: of the same network where that has too many, else of the one with the most; the oldest first. So those
/// who open connections to hold them shut out nobody.
final class ConnectionLimiter: Sendable {
  private struct Guest {
    let channel: any Channel
    /// nil for the owner's.
    let holder: Holder?
    let standing: ConnectionStanding
    let number: UInt64
  }

  private struct State {
    var guests: [ObjectIdentifier: Guest] = [:]
    var bySource: [Holder: Int] = [:]
    var total = 0
    var next: UInt64 = 0
  }

  private let limits: HostLimits
  private let state = Mutex(State())

  init(limits: HostLimits) {
    self.limits = limits
  }

  /// Counts a connection until it closes; false where there are too many. The owner's are not limited.
  func admit(_ channel: any Channel, from holder: Holder?, _ standing: ConnectionStanding) -> Bool {
    let id = ObjectIdentifier(channel)
    let (isAdmitted, leaving) = state.withLock { state -> (Bool, (any Channel)?) in
      var leaving: (any Channel)?
      if let holder {
        let isFullForOne = state.bySource[holder, default: 0] >= limits.connectionsPerSource
        if isFullForOne || state.total >= limits.connections {
          leaving = Self.makeRoom(of: isFullForOne ? holder : nil, in: &state)
          if leaving == nil { return (false, nil) }
        }
        state.bySource[holder, default: 0] += 1
        state.total += 1
      }
      state.guests[id] = Guest(channel: channel, holder: holder, standing: standing, number: state.next)
      state.next += 1
      return (true, leaving)
    }
    leaving?.close(promise: nil)
    guard isAdmitted else { return false }
    channel.closeFuture.whenComplete { _ in
      self.state.withLock { Self.forget(id, in: &$0) }
    }
    return true
  }

  /// The connections that are open now.
  var open: [any Channel] { state.withLock { $0.guests.values.map(\.channel) } }

  /// Takes away the place of one that may lose it, of this holder or of any.
  private static func makeRoom(of holder: Holder?, in state: inout State) -> (any Channel)? {
    func weight(_ guest: Guest) -> (Int, UInt64) {
      (guest.holder.flatMap { state.bySource[$0] } ?? 0, UInt64.max - guest.number)
    }
    while true {
      let candidates = state.guests.lazy.filter { _, guest in
        guest.holder != nil && (holder == nil || guest.holder == holder) && guest.standing.mayGiveWay
      }
      guard let (id, guest) = candidates.max(by: { weight($0.value) < weight($1.value) }) else { return nil }
      guard guest.standing.giveWay() else { continue }
      forget(id, in: &state)
      return guest.channel
    }
  }

  private static func forget(_ id: ObjectIdentifier, in state: inout State) {
    guard let guest = state.guests.removeValue(forKey: id), let holder = guest.holder else { return }
    state.total -= 1
    let left = state.bySource[holder, default: 0] - 1
    state.bySource[holder] = left > 0 ? left : nil
  }
}
