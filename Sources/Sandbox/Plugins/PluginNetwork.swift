/// What of the network a recipe asks for.
public enum PluginNetwork: Hashable, Sendable {
  /// The most names in one recipe.
  static let most = 64

  case none
  /// Whatever the agent's own sandbox reaches.
  case outbound
  /// These hosts, by HTTPS.
  case hosts([EgressHost])

  /// Reads `none`, `outbound`, or names with commas between them; nil for anything else.
  public init?(_ text: String) {
    switch text {
    case "none", "": self = .none
    case "outbound": self = .outbound
    default:
      let parts = text.split(separator: ",", maxSplits: Self.most, omittingEmptySubsequences: false)
      guard parts.count <= Self.most else { return nil }
      var hosts: [EgressHost] = []
      for part in parts {
        // Spaces around a name are a habit.
        guard let host = try? EgressHost(part.trimmingPrefix(while: { $0 == " " }).trimmingSpacesAtEnd) else {
          return nil
        }
        if !hosts.contains(host) { hosts.append(host) }
      }
      self = .hosts(hosts)
    }
  }

  public var text: String {
    switch self {
    case .none: "none"
    case .outbound: "outbound"
    case .hosts(let hosts): hosts.map(\.description).joined(separator: ",")
    }
  }

  /// What a plugin's commands reach.
  /// - Parameters:
  ///   - granted: what the owner lets the agent's own sandbox reach.
  ///   - isOwners: whether the owner installed the plugin, and so said yes to its hosts. An agent's plugin reaches nothing that the
  ///     agent does not.
  func access(within granted: NetworkAccess, isOwners: Bool) -> NetworkAccess {
    switch self {
    case .none: return .none
    case .outbound: return granted.policy.map { .egress($0) } ?? .none
    case .hosts(let hosts):
      let rules: [EgressPolicy.Rule] = hosts.compactMap { host in
        guard let target = try? EgressTarget("\(host):443") else { return nil }
        guard isOwners || granted.policy?.permits(target) == true else { return nil }
        return try? EgressPolicy.Rule("\(target)")
      }
      return (try? EgressPolicy(rules)).map { .egress($0) } ?? .none
    }
  }
}

extension Substring {
  fileprivate var trimmingSpacesAtEnd: Substring {
    var rest = self
    while rest.last == " " { rest.removeLast() }
    return rest
  }
}
