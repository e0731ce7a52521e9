import CIsolation

/// What of the network a command may use.
public enum NetworkAccess: Hashable, Sendable {
  /// Nothing: no sockets but Unix ones.
  case none
  /// A loopback of its own, which nobody else is on: a program inside can serve another one inside.
  case loopback
  /// Hosts that are listed, through a proxy and no other way.
  case egress(EgressPolicy)

  /// Reads `none`, `loopback`, or a list of hosts with their ports.
  /// - Throws: ``SandboxError/targetRefused(_:reason:)``.
  public init(_ text: String) throws(SandboxError) {
    switch text {
    case "none": self = .none
    case "loopback": self = .loopback
    default: self = .egress(try EgressPolicy(text))
    }
  }

  /// The hosts that are listed.
  public var policy: EgressPolicy? {
    if case .egress(let policy) = self { policy } else { nil }
  }

  var sockets: osr_sockets {
    switch self {
    case .none: OSR_SOCKETS_NONE
    case .loopback: OSR_SOCKETS_ALL
    case .egress: OSR_SOCKETS_TCP
    }
  }

  var plainWords: String {
    switch self {
    case .none: "none, and no sockets but Unix ones"
    case .loopback: "a loopback of its own"
    case .egress(let policy):
      "none but a proxy, to \(policy.rules.count == 1 ? "one host" : "\(policy.rules.count) hosts") that \(policy.rules.count == 1 ? "is" : "are") listed"
    }
  }
}
