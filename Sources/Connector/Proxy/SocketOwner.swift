import CSocketOwner
import NIOCore

#if canImport(Glibc)
  import Glibc
#endif

/// Whose program is at the other end of a connection over loopback, by the kernel's word.
enum SocketOwner {
  /// What the kernel says of users whom it cannot name here.
  private static let unknownUser: uid_t = 65_534

  /// The user of the socket at the other end; nil where that cannot be known for sure.
  static func user(of channel: any Channel) -> uid_t? {
    guard let from = channel.remoteAddress, let to = channel.localAddress, case .v4 = from, case .v4 = to
    else { return nil }
    var user: UInt32 = 0
    let error = from.withSockAddr { from, _ in to.withSockAddr { to, _ in osr_socket_owner(from, to, &user) }
    }
    return error == 0 && user != unknownUser ? user : nil
  }
}
