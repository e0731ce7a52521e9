import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The only way out of a sandbox: a proxy that serves on a socket inside, and connects from here, to hosts that are listed, at
/// addresses that it looked up and checked itself.
final class EgressProxy: Sendable {
  /// Where programs find it, on the loopback of their sandbox.
  static let port: UInt16 = 3128
  /// How many a command may ask for in all.
  static let mostEver = 20_000

  private struct State {
    var open: [ObjectIdentifier: any Channel] = [:]
    var ever = 0
    var isStopping = false
  }

  let policy: EgressPolicy
  let surroundings: EgressSurroundings
  let lookups: EgressLookups
  private let log: (@Sendable (EgressRecord) -> Void)?
  private let state = Mutex(State())

  init(
    _ policy: EgressPolicy, _ surroundings: EgressSurroundings, log: (@Sendable (EgressRecord) -> Void)?
  ) {
    self.policy = policy
    self.surroundings = surroundings
    lookups = EgressLookups(surroundings.resolver)
    self.log = log
  }

  /// A proxy that serves.
  struct Service: Sendable {
    fileprivate let proxy: EgressProxy
    fileprivate let listener: any Channel

    /// Ends every connection, and returns when all are gone and noted.
    func stop() { proxy.stop(listener) }
  }

  /// Serves.
  /// - Parameter socket: one that is bound; it is closed with the service.
  func serve(on socket: consuming Descriptor) throws -> Service {
    let listener = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try self.admit(channel) }
      }
      .withBoundSocket(socket.release())
      .wait()
    return Service(proxy: self, listener: listener)
  }

  private func stop(_ listener: any Channel) {
    let open = state.withLock { state in
      state.isStopping = true
      return Array(state.open.values)
    }
    listener.close(promise: nil)
    for channel in open { channel.close(promise: nil) }
    for channel in open + [listener] { try? channel.closeFuture.wait() }
  }

  private enum NotAdmitted: Error { case tooMany, stopping }

  private func admit(_ channel: any Channel) throws {
    let ledger = EgressLedger()
    let refusal: NotAdmitted? = state.withLock { state in
      if state.isStopping { return .stopping }
      state.ever += 1
      guard state.open.count < surroundings.mostOpen, state.ever <= Self.mostEver else { return .tooMany }
      state.open[ObjectIdentifier(channel)] = channel
      return nil
    }
    if let refusal {
      // Of a flood only the beginning is noted.
      if refusal == .tooMany, state.withLock({ $0.ever }) <= Self.mostEver + 1 {
        ledger.settle(.tooMany)
        log?(ledger.record())
      }
      throw refusal
    }
    channel.closeFuture.assumeIsolated().whenComplete { _ in
      self.log?(ledger.record())
      self.state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
    }
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = 16 << 10
    limits.maxHeaderListSize = 64 << 10
    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits)
    try channel.pipeline.syncOperations.addHandlers(
      ByteToMessageHandler(decoder, maximumBufferSize: 256 << 10), EgressDoor(self, ledger))
  }
}
