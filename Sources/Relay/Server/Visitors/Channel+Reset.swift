import NIOCore
import NIOSSL

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension Channel {
  /// Closes so that the other side sees an error, and not an end: what it has not read is dropped, and TLS does not say that
  /// this is the end. To be called on the event loop.
  func reset() {
    guard let socket = self as? any SocketOptionProvider else { return close(promise: nil) }
    socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in self.closeBelowTLS() }
  }

  private func closeBelowTLS() {
    guard eventLoop.inEventLoop,
      let tls = try? pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
    else { return close(promise: nil) }
    tls.close(promise: nil)
  }
}
