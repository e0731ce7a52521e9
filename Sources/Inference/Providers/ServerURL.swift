import Foundation

/// The base URL of an OpenAI-compatible server, with its `/v1`: http or https, a host, no user, no query.
public struct ServerURL: Sendable, Hashable, CustomStringConvertible {
  /// The URL without a slash at its end.
  public let text: String
  /// The host, an IPv6 address without its brackets.
  public let host: String
  /// Whether it is https.
  public let isEncrypted: Bool

  /// - Throws: `InferenceError.invalidURL` with the reason.
  public init(_ text: String) throws(InferenceError) {
    guard text.count <= 2048,
      let parts = URLComponents(string: text.trimmingCharacters(in: .whitespacesAndNewlines))
    else { throw .invalidURL(reason: "it does not parse") }
    guard let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https" else {
      throw .invalidURL(reason: "it must start with http:// or https://")
    }
    guard let host = parts.host, !host.isEmpty else { throw .invalidURL(reason: "it names no host") }
    guard parts.user == nil, parts.password == nil else {
      throw .invalidURL(reason: "a user or password has no place in it; use OSAURUS_MODEL_KEY_FILE for a key")
    }
    guard parts.query == nil, parts.fragment == nil else {
      throw .invalidURL(reason: "it has a query or a fragment")
    }
    if let port = parts.port, !(1...65535).contains(port) {
      throw .invalidURL(reason: "its port is out of range")
    }
    var path = parts.percentEncodedPath
    while path.hasSuffix("/") { path.removeLast() }
    let authority = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    self.text = "\(scheme)://\(authority)\(parts.port.map { ":\($0)" } ?? "")\(path)"
    self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]")).lowercased()
    self.isEncrypted = scheme == "https"
  }

  public var description: String { text }

  /// Whether it names this machine: `localhost`, 127.0.0.0/8 or ::1.
  public var isLoopback: Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}
