import Identity

/// Whom a request is for.
enum VisitorRoute: Hashable, Sendable {
  /// The relay itself, by one of its own names; the path without its query.
  case relay(path: String)
  /// An agent, by its own name or below the relay's; the path as the agent is to see it.
  case agent(Address, RelayPath)
  case refused(RelayRefusal)

  init(host: [String], target: String, method: String, settings: RelaySettings) {
    guard host.count == 1, let name = RelayName(authority: host[0]) else {
      self = .refused(host.count == 1 ? .invalidSubdomain : .badRequest)
      return
    }
    // A question about the whole server is answered like one about its first page.
    guard let path = RelayPath(target == "*" && method == "OPTIONS" ? "/" : target) else {
      self = .refused(.badRequest)
      return
    }
    if settings.isOwnName(name) {
      self = Self.own(path)
    } else if let agent = name.agent(below: settings.domain)
      ?? settings.names.lazy.compactMap({ name.agent(below: $0) }).first
    {
      self = .agent(agent, path)
    } else {
      self = .refused(.invalidSubdomain)
    }
  }

  private static func own(_ path: RelayPath) -> VisitorRoute {
    let text = path.text
    guard text.hasPrefix("/a/") else {
      return .relay(path: String(text.prefix { $0 != "?" }))
    }
    let rest = text.dropFirst(3)
    let address = rest.prefix { $0 != "/" && $0 != "?" }
    let inner = rest.dropFirst(address.count)
    guard let agent = Address(ignoringChecksum: address),
      let path = RelayPath(inner.first == "/" ? String(inner) : "/\(inner)")
    else { return .refused(.invalidSubdomain) }
    return .agent(agent, path)
  }
}
