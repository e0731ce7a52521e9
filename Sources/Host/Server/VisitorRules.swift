import HTTPTypes
import Hummingbird

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What a browser may be led to do here: a request over TCP must name this host, and one made by a web page
/// must come from an origin that the owner allowed.
struct VisitorRules: Sendable {
  /// Names and literal addresses of this host, in lower case, without ports.
  let names: Set<String>
  /// Origins that may read answers; `*` stands for all.
  let allowedOrigins: Set<String>

  /// - Parameters:
  ///   - bind: the address that the host listens on.
  ///   - configuredNames: more names that the owner uses for this host.
  init(bind: String, configuredNames: [String] = [], allowedOrigins: [String] = []) {
    var names: Set<String> = ["localhost", "127.0.0.1", "[::1]", bind.lowercased()]
    if bind.contains(":") { names.insert("[\(bind.lowercased())]") }
    if let machine = Self.machineName?.lowercased(), !machine.isEmpty {
      names.formUnion([machine, machine + ".local"])
    }
    names.formUnion(configuredNames.map { $0.lowercased() })
    self.names = names
    self.allowedOrigins = Set(allowedOrigins)
  }

  /// The answer to a request that these rules refuse.
  ///
  /// This host's address on a connection is a name of this host as well. What comes through a relay came to a name of
  /// one of its agents, which is looked at where the tunnel ends.
  func refusal(of head: HTTPRequest, from arrival: Arrival) -> Response? {
    guard let authority = head.authority, !authority.isEmpty else {
      return .text("Bad Request", status: .badRequest)
    }
    guard arrival.origin.isRelayed || isThisHost(authority, local: arrival.localAddress) else {
      return .failure(
        .forbidden, type: "host_not_allowed", message: "The Host header does not name this host.")
    }
    guard let origin = head.headerFields[.origin] else { return nil }
    return allows(origin: origin)
      ? nil
      : .failure(.forbidden, type: "origin_not_allowed", message: "This origin is not allowed.")
  }

  func allows(origin: String) -> Bool {
    allowedOrigins.contains("*") || allowedOrigins.contains(origin)
  }

  /// The headers that let a page of an allowed origin read an answer.
  func sharingHeaders(for head: HTTPRequest) -> HTTPFields {
    guard let origin = head.headerFields[.origin], allows(origin: origin) else { return [:] }
    return allowedOrigins.contains("*")
      ? [.accessControlAllowOrigin: "*"] : [.accessControlAllowOrigin: origin, .vary: "Origin"]
  }

  /// The answer to a preflight request.
  func preflight(_ head: HTTPRequest) -> Response {
    var headers = sharingHeaders(for: head)
    if headers[.accessControlAllowOrigin] != nil {
      headers[.accessControlAllowMethods] =
        Self.tokens(head.headerFields[.accessControlRequestMethod]) ?? "GET, POST, OPTIONS, HEAD"
      headers[.accessControlAllowHeaders] =
        Self.tokens(head.headerFields[.accessControlRequestHeaders]) ?? "Content-Type, Authorization"
      headers[.accessControlMaxAge] = "600"
    }
    return Response(status: .noContent, headers: headers)
  }

  private func isThisHost(_ authority: String, local: SourceAddress?) -> Bool {
    guard let name = Self.name(in: authority)?.lowercased() else { return false }
    if names.contains(name) { return true }
    return local != nil && SourceAddress(literal: name) == local
  }

  /// The host of `host[:port]`, an IPv6 literal with its brackets.
  private static func name(in authority: String) -> Substring? {
    let end: String.Index
    if authority.first == "[" {
      guard let bracket = authority.firstIndex(of: "]") else { return nil }
      end = authority.index(after: bracket)
    } else {
      end = authority.firstIndex(of: ":") ?? authority.endIndex
    }
    let port = authority[end...]
    guard port.isEmpty || port.dropFirst().allSatisfy({ $0.isASCII && $0.isNumber }), port.first ?? ":" == ":"
    else { return nil }
    return authority[..<end]
  }

  /// A list of tokens, if it is nothing but that.
  private static func tokens(_ value: String?) -> String? {
    guard let value, !value.isEmpty, value.utf8.count <= 1024 else { return nil }
    let isPlain = value.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ","),
        UInt8(ascii: " "):
        true
      default: false
      }
    }
    return isPlain ? value : nil
  }

  private static var machineName: String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let base = buffer.baseAddress, gethostname(base, 255) == 0 else { return nil }
      buffer[255] = 0
      return String(cString: base)
    }
  }
}
