/// What a request token is good for: one method and path on one host.
public struct RequestTarget: Hashable, Sendable {
  /// The host, in lowercase, with its port if it has one.
  public let audience: String
  /// `<METHOD> <path>`.
  public let action: String

  /// Takes what a person or a request names.
  /// - Throws: ``IdentityError/badAudience`` or ``IdentityError/badAction``.
  public init(audience: String, action: String) throws(IdentityError) {
    let host = audience.utf8
    guard (1...255).contains(host.count),
      host.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "/") })
    else { throw .badAudience }
    let parts = action.split(separator: " ", omittingEmptySubsequences: false)
    guard action.utf8.count <= 2048, parts.count == 2, !parts[0].isEmpty,
      parts[0].utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }),
      parts[1].hasPrefix("/"), parts[1].utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    else { throw .badAction }
    self.audience = audience.lowercased()
    self.action = action
  }
}
