import Foundation

/// What an invite tells a person: who is to be met, and where. (spec/01, A11)
public struct InviteDetails: Hashable, Sendable {
  /// The longest name and description, in bytes.
  public static let longestName = 512
  public static let longestDescription = 4096

  /// What the agent is called, not empty.
  public let name: String
  /// What it is for.
  public let description: String?
  /// The base of the host's routes: http or https, a host, and at most a path.
  public let url: String

  /// - Throws: ``InviteRefusal/malformed(_:)`` for the member that makes no sense.
  public init(name: String, description: String? = nil, url: String) throws(InviteRefusal) {
    guard !name.isEmpty, name.utf8.count <= Self.longestName else { throw .malformed(.name) }
    if let description, description.utf8.count > Self.longestDescription { throw .malformed(.description) }
    guard Self.isPlain(url) else { throw .malformed(.url) }
    self.name = name
    self.description = description
    self.url = url
  }

  /// The members as an invite writes them.
  var members: [String: SortedJSON.Value] {
    var members: [String: SortedJSON.Value] = [
      InviteField.name.rawValue: .text(name), InviteField.url.rawValue: .text(url),
      InviteField.version.rawValue: .integer(Invite.version),
    ]
    if let description { members[InviteField.description.rawValue] = .text(description) }
    return members
  }

  /// Whether a text is a base URL without a user, a password, a query or a fragment.
  private static func isPlain(_ url: String) -> Bool {
    guard url.utf8.count <= 2048, url.utf8.allSatisfy({ 0x21...0x7e ~= $0 }),
      let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
      parts.user == nil, parts.password == nil, parts.query == nil, parts.fragment == nil
    else { return false }
    return ["http", "https"].contains(parts.scheme?.lowercased())
  }
}
