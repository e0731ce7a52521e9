import Foundation
public import Identity

/// The public URL of an agent, as its relay says: one whose host begins with the agent's address, or one at the relay
/// itself whose path is `/a/` and the address. With any other a relay could make this host ask, and hand out, whatever it
/// likes.
public struct AgentURL: Hashable, Sendable {
  /// Without a slash at its end.
  public let text: String

  /// - Parameter relay: the relay that says so. It may be without TLS only where the tunnel is.
  public init?(_ text: String, of agent: Address, at relay: RelayURL) {
    guard text.utf8.count <= 512, text.utf8.allSatisfy({ 0x21...0x7e ~= $0 }),
      let parts = URLComponents(string: text), parts.user == nil, parts.password == nil,
      parts.query == nil, parts.fragment == nil, let scheme = parts.scheme?.lowercased(),
      scheme == "https" || (scheme == "http" && !relay.isSecure),
      let host = parts.host?.lowercased(), 1...65535 ~= parts.port ?? 443
    else { return nil }
    var path = parts.percentEncodedPath
    if path.hasSuffix("/") { path.removeLast() }
    let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    guard
      (path.isEmpty && host.hasPrefix("\(agent.lowercased)."))
        || (path == "/a/\(agent.lowercased)" && bare == relay.host)
    else { return nil }
    let written = bare.contains(":") ? "[\(bare)]" : bare
    self.text = "\(scheme)://\(written)\(parts.port.map { ":\($0)" } ?? "")\(path)"
  }
}
