import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the kernel says about the process on the other end of a Unix socket.
enum PeerCredentials {
  /// The kernel's `struct ucred`, which Glibc's module does not show.
  private struct Credentials {
    let process: pid_t
    let user: uid_t
    let group: gid_t
  }

  /// The user that it ran as when it connected (`SO_PEERCRED`).
  static func user(of channel: any Channel) -> EventLoopFuture<uid_t> {
    guard let provider = channel as? any SocketOptionProvider else {
      return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }
    let credentials: EventLoopFuture<Credentials> = provider.unsafeGetSocketOption(
      level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
    return credentials.map(\.user)
  }
}
