import Identity
import NIOHTTP1

/// Which headers go through a relay. (spec/03, D4)
enum HeaderRules {
  /// What belongs to one connection and not to the message. (RFC 9110 §7.6.1)
  private static let hopByHop: Set<String> = [
    "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te",
    "trailer",
    "transfer-encoding", "upgrade",
  ]

  /// What callers cannot tell a host: what the relay alone says, and what a proxy before it said.
  private static let forbidden: Set<String> = [
    "host", "cookie", "expect", "content-length", "forwarded", "via", "x-real-ip", "x-agent-address",
    "true-client-ip",
    "http2-settings",
  ]
  private static let forbiddenPrefixes = ["x-forwarded-", "x-osaurus-", "fly-", "cf-"]

  /// What speaks for a whole name, and so for more than an agent: below one path all agents and the relay share one, and
  /// beside each other they share what is above them.
  private static let ofSites: Set<String> = [
    "set-cookie", "set-cookie2", "strict-transport-security", "alt-svc", "clear-site-data",
    "service-worker-allowed",
  ]

  /// What a host is handed of a caller's headers; nil where they are more than may be.
  static func toHost(
    _ headers: HTTPHeaders, agent: Address, source: NetworkAddress, bodyBytes: Int, limits: RelayLimits
  ) -> RelayHeaders? {
    var result = RelayHeaders()
    let named = namedByConnection(headers)
    for (name, value) in headers {
      let name = name.lowercased()
      guard !hopByHop.contains(name), !named.contains(name), !forbidden.contains(name),
        !forbiddenPrefixes.contains(where: name.hasPrefix)
      else { continue }
      guard result.add(name, value) else { return nil }
    }
    if bodyBytes > 0 { result.set("content-length", "\(bodyBytes)") }
    result.set("x-agent-address", agent.lowercased)
    result.set("x-forwarded-for", source.description)
    guard result.fields.count <= limits.headerFields, result.byteCount <= limits.headerBytes else {
      return nil
    }
    return result
  }

  /// What a caller is sent of a host's headers. The length of the body is for who writes the answer to say.
  static func toVisitor(_ headers: RelayHeaders) -> HTTPHeaders {
    let named = Set((headers["connection"] ?? "").lowercased().split(separator: ",").map(Self.trimmed))
    var result = HTTPHeaders()
    for (name, value) in headers.fields.sorted(by: { $0.key < $1.key }) {
      guard !hopByHop.contains(name), !named.contains(name), name != "content-length",
        name != "x-agent-address", !ofSites.contains(name),
        !forbiddenPrefixes.contains(where: name.hasPrefix)
      else { continue }
      result.add(name: name, value: value)
    }
    result.replaceOrAdd(name: "access-control-allow-origin", value: "*")
    result.replaceOrAdd(name: "access-control-expose-headers", value: "*")
    return result
  }

  /// The answer to a browser that asks beforehand what it may send.
  static let preflight: HTTPHeaders = [
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "access-control-allow-headers": "content-type, authorization, x-request-id",
    "access-control-max-age": "86400",
  ]

  private static func namedByConnection(_ headers: HTTPHeaders) -> Set<String> {
    Set(headers[canonicalForm: "connection"].map { $0.lowercased() })
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}
