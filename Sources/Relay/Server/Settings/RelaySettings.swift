import Identity

/// What a relay is told about itself.
public struct RelaySettings: Hashable, Sendable {
  /// How an agent is named in a URL.
  public enum AgentForm: String, CaseIterable, Sendable {
    /// `https://<address>.<domain>/…`: needs a name and a certificate for all names below the domain.
    case subdomain
    /// `https://<domain>/a/<address>/…`: needs one name and one certificate.
    case path
  }

  /// A certificate and its key, as files in PEM.
  public struct CertificateFiles: Hashable, Sendable {
    public let certificate: String
    public let key: String

    public init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }

  /// The relay's own name, lowercase.
  public let domain: RelayName
  /// More names that are its own.
  public var names: [RelayName] = []
  public var bind = "127.0.0.1"
  /// 0 for any free port.
  public var port = 8443
  /// What the relay encrypts connections with; nil where a proxy before it does.
  public var certificate: CertificateFiles?
  /// Whose word about who calls is taken.
  public var trustedProxies: [AddressRange] = []
  /// Who may read `/metrics`.
  public var metricsReaders = AddressRange.loopback
  /// How hosts are told where their agents are. Requests come in either form.
  public var form: AgentForm
  /// Where the world reaches the relay: scheme, name and port; nil to conclude it from the rest.
  public var publicURL: String?
  public var limits = RelayLimits()

  public init(domain: RelayName) {
    self.domain = domain
    form = domain.hasSubdomains ? .subdomain : .path
  }

  func isOwnName(_ name: RelayName) -> Bool { name == domain || names.contains(name) }
}

/// The name of a machine in a URL: a domain name, or an address.
public struct RelayName: Hashable, Sendable, CustomStringConvertible {
  /// Lowercase, without a dot at its end.
  public let text: String

  public init?(_ text: some StringProtocol) {
    var name = text.lowercased()
    if name.hasSuffix(".") { name.removeLast() }
    guard 1...253 ~= name.utf8.count else { return nil }
    if name.hasPrefix("[") {
      guard name.hasSuffix("]"), NetworkAddress(name) != nil else { return nil }
    } else {
      let labels = name.split(separator: ".", omittingEmptySubsequences: false)
      guard labels.allSatisfy(Self.isLabel) else { return nil }
    }
    self.text = name
  }

  /// The name in a `Host` field, whose port does not matter here.
  init?(authority: some StringProtocol) {
    let end: String.Index
    if authority.first == "[" {
      guard let bracket = authority.firstIndex(of: "]") else { return nil }
      end = authority.index(after: bracket)
    } else {
      end = authority.firstIndex(of: ":") ?? authority.endIndex
    }
    let port = authority[end...]
    guard port.isEmpty || (port.first == ":" && UInt16(port.dropFirst()) != nil) else { return nil }
    self.init(authority[..<end])
  }

  /// Whether names can be below it: it is no address, and not this machine's own name.
  var hasSubdomains: Bool { NetworkAddress(text) == nil && text != "localhost" }

  /// The agent whose name below `domain` this is.
  func agent(below domain: RelayName) -> Address? {
    guard text.count == 42 + 1 + domain.text.count, text.hasSuffix("." + domain.text) else { return nil }
    return Address(ignoringChecksum: text.prefix(42))
  }

  public var description: String { text }

  private static func isLabel(_ label: Substring) -> Bool {
    guard 1...63 ~= label.utf8.count else { return false }
    return label.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
        UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }
}
