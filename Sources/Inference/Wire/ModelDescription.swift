/// A model that can be asked.
public struct ModelDescription: Codable, Sendable, Hashable, Identifiable {
  /// The name to ask for it by.
  public var id: String
  /// Who serves it.
  public var provider: String
  /// Seconds since 1970, where the server says so.
  public var created: Int64?
  /// Who the server says owns it.
  public var ownedBy: String

  enum CodingKeys: String, CodingKey {
    case id, provider, created
    case ownedBy = "owned_by"
  }

  public init(id: String, provider: String, created: Int64? = nil, ownedBy: String) {
    self.id = id
    self.provider = provider
    self.created = created
    self.ownedBy = ownedBy
  }
}
