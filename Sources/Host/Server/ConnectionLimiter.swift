import NIOCore
import Synchronization

/// Counts TCP connections, in all and by network, and remembers them so that they can be told to end.
final class ConnectionLimiter: Sendable {
  private struct State {
    var channels: [ObjectIdentifier: any Channel] = [:]
    var bySource: [SourceAddress: Int] = [:]
    var total = 0
  }

  private let limits: HostLimits
  private let state = Mutex(State())

  init(limits: HostLimits) {
    self.limits = limits
  }

  /// Counts a connection until it closes; false where there are too many. The owner's are not limited.
  func admit(_ channel: any Channel, from source: SourceAddress?) -> Bool {
    let (id, network) = (ObjectIdentifier(channel), source?.network)
    let isAdmitted = state.withLock { state in
      if let network {
        let own = state.bySource[network, default: 0]
        guard state.total < limits.connections, own < limits.connectionsPerSource
        else { return false }
        state.bySource[network] = own + 1
        state.total += 1
      }
      state.channels[id] = channel
      return true
    }
    guard isAdmitted else { return false }
    channel.closeFuture.whenComplete { _ in
      self.state.withLock { state in
        state.channels[id] = nil
        guard let network else { return }
        state.total -= 1
        let left = state.bySource[network, default: 0] - 1
        state.bySource[network] = left > 0 ? left : nil
      }
    }
    return true
  }

  /// The connections that are open now.
  var open: [any Channel] { state.withLock { Array($0.channels.values) } }
}
