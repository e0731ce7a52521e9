public import Foundation
public import Identity

/// A host that this machine asks: where it is, and which agent has to prove that it is there.
public struct Peer: Hashable, Sendable {
  /// What a person calls it: 1 to 64 characters, in Unicode's composed form.
  public let name: String
  /// Where it is: http or https, a host, and at most a path before the routes; no slash at the end.
  public let url: URL
  /// Where a relay carries requests to it, in the same form: used where ``url`` leads nowhere.
  public let relayURL: URL?
  /// The only agent whose signature is believed.
  public let address: Address
  /// The agent's id there, where that is known: some hosts run an agent by its id alone.
  public let agentID: UUID?
  public let addedAt: Date
  /// Whether what is sealed for it is padded, so that its length says little.
  public private(set) var isPadded = false
  /// The last time that the agent proved itself; nil before the first.
  public internal(set) var lastHandshake: Handshake?

  /// A proof that the agent was there.
  public struct Handshake: Codable, Hashable, Sendable {
    /// Who signed it: the pinned address, for no other is accepted.
    public let signer: Address
    public let at: Date

    public init(signer: Address, at: Date) {
      self.signer = signer
      self.at = at
    }
  }

  /// - Throws: ``ConnectorError/invalidName`` or ``ConnectorError/invalidURL(reason:)``.
  public init(
    name: String, url: String, relayURL: String? = nil, address: Address, agentID: UUID? = nil,
    now: Date = Date()
  ) throws(ConnectorError) {
    let name = name.precomposedStringWithCanonicalMapping
    guard (1...64).contains(name.count), name.utf8.count <= 256,
      name.unicodeScalars.allSatisfy({ $0 != "/" && !Self.isInvisible($0) }),
      !name.allSatisfy(\.isWhitespace)
    else { throw .invalidName }
    self.name = name
    self.url = try Self.base(url)
    let relay = if let relayURL { try Self.base(relayURL) } else { nil as URL? }
    self.relayURL = relay == self.url ? nil : relay
    self.address = address
    self.agentID = agentID
    // Whole seconds: what is written is what is read back.
    addedAt = Date(timeIntervalSince1970: now.timeIntervalSince1970.rounded(.down))
  }

  /// Control characters, and those that only change how the characters around them are shown.
  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: true
    default: false
    }
  }
}

// MARK: - The base URL

extension Peer {
  /// What routes are appended to.
  var base: String { url.absoluteString }

  /// The same for each place where the peer may be, in the order in which they are tried.
  var bases: [String] { [base] + (relayURL.map { [$0.absoluteString] } ?? []) }

  /// Whether a URL is one under which a relay carries requests to this agent: its name begins with the agent's address, or
  /// its path is `/a/` and the address.
  public static func isRelayed(_ url: String, to agent: Address) -> Bool {
    guard let parts = URLComponents(string: url.lowercased()) else { return false }
    return parts.host?.hasPrefix("\(agent.lowercased).") == true
      || ["", "/"].contains { parts.path == "/a/\(agent.lowercased)\($0)" }
  }

  /// The same peer at other places.
  public func moved(to url: String, relayURL: String?) throws(ConnectorError) -> Peer {
    var peer = try Peer(
      name: name, url: url, relayURL: relayURL, address: address, agentID: agentID, now: addedAt)
    peer.isPadded = isPadded
    peer.lastHandshake = lastHandshake
    return peer
  }

  /// The same peer, for whom what is sealed is padded, or not.
  public func padded(_ isPadded: Bool = true) -> Peer {
    var peer = self
    peer.isPadded = isPadded
    return peer
  }

  static func base(_ text: String) throws(ConnectorError) -> URL {
    guard text.utf8.count <= 2048, text.utf8.allSatisfy({ 0x21...0x7e ~= $0 }),
      let parts = URLComponents(string: text)
    else { throw .invalidURL(reason: "it does not parse") }
    guard let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https" else {
      throw .invalidURL(reason: "it must start with http:// or https://")
    }
    guard parts.user == nil, parts.password == nil else {
      throw .invalidURL(reason: "a user or password has no place in it")
    }
    guard parts.query == nil, parts.fragment == nil else {
      throw .invalidURL(reason: "it has a query or a fragment")
    }
    guard let host = host(parts.host ?? "") else { throw .invalidURL(reason: "it names no host") }
    if let port = parts.port, !(1...65535).contains(port) {
      throw .invalidURL(reason: "its port is out of range")
    }
    var path = parts.percentEncodedPath
    while path.hasSuffix("/") { path.removeLast() }
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    guard segments.allSatisfy({ !$0.isEmpty && !isDots($0) }) else {
      throw .invalidURL(reason: "its path is not plain")
    }
    let port = parts.port.map { ":\($0)" } ?? ""
    guard let url = URL(string: "\(scheme)://\(host)\(port)\(path)") else {
      throw .invalidURL(reason: "it does not parse")
    }
    return url
  }

  /// A name of letters, digits, dots and hyphens, or an IPv6 address, which is given its brackets; else nil.
  private static func host(_ text: String) -> String? {
    let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
    let bare = (isBracketed ? String(text.dropFirst().dropLast()) : text).lowercased()
    guard !bare.isEmpty else { return nil }
    if bare.contains(":") {
      return bare.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit || $0 == 0x3a || $0 == 0x2e })
        ? "[\(bare)]" : nil
    }
    let isName = bare.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
        UInt8(ascii: "-"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    return isName && !isBracketed ? bare : nil
  }

  private static func isDots(_ segment: Substring) -> Bool {
    let plain = segment.lowercased().replacing("%2e", with: ".")
    return plain == "." || plain == ".."
  }
}

// MARK: - As JSON

extension Peer: Codable {
  private enum CodingKeys: String, CodingKey {
    case name, url, relayURL, address, agentID, addedAt, isPadded, lastHandshake
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      name: try container.decode(String.self, forKey: .name),
      url: try container.decode(String.self, forKey: .url),
      relayURL: try container.decodeIfPresent(String.self, forKey: .relayURL),
      address: try container.decode(Address.self, forKey: .address),
      agentID: try container.decodeIfPresent(UUID.self, forKey: .agentID),
      now: try container.decode(Date.self, forKey: .addedAt))
    isPadded = try container.decodeIfPresent(Bool.self, forKey: .isPadded) ?? false
    lastHandshake = try container.decodeIfPresent(Handshake.self, forKey: .lastHandshake)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(base, forKey: .url)
    try container.encodeIfPresent(relayURL?.absoluteString, forKey: .relayURL)
    try container.encode(address, forKey: .address)
    try container.encodeIfPresent(agentID, forKey: .agentID)
    try container.encode(addedAt, forKey: .addedAt)
    if isPadded { try container.encode(true, forKey: .isPadded) }
    try container.encodeIfPresent(lastHandshake, forKey: .lastHandshake)
  }
}
