import Logging
import NIOCore

/// Serves what a listener accepts, and ends it in good order.
struct Acceptor<Entrance: Door>: Sendable {
  typealias Listener = NIOAsyncChannel<Connection<Entrance>?, Never>

  let door: Entrance
  let limiter: ConnectionLimiter

  /// Serves what a listener accepts; returns when it is closed and its connections have ended or were ended.
  func accept(from listener: Listener) async {
    // Nothing is kept of a connection that has ended: whoever opens ever new ones would fill the memory with it.
    let deadline = await withDiscardingTaskGroup { connections in
      do {
        try await listener.executeThenClose { inbound in
          for try await connection in inbound {
            if let connection { connections.addTask { await connection.run() } }
          }
        }
      } catch {
        door.logger.error("a listener failed", metadata: ["error": "\(error)"])
      }
      return drain()
    }
    deadline.cancel()
  }

  /// Tells the connections to end with what they answer now.
  /// - Returns: what ends those that take too long for that.
  private func drain() -> Task<Void, any Error> {
    for channel in limiter.open { channel.pipeline.fireUserInboundEventTriggered(ConnectionGuard.Drain()) }
    let (limiter, timeout) = (limiter, door.limits.drainTimeout)
    return Task {
      try await Task.sleep(for: timeout)
      for channel in limiter.open { channel.close(promise: nil) }
    }
  }
}
