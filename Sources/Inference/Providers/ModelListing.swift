import ForeignText

/// The answer to `GET /models`. Names that could not be shown or asked for are left out.
struct ModelListing: Decodable {
  /// The most models that are taken from one server.
  static let limit = 1000

  struct Item: Decodable {
    var id: String
    var created: Int64?
    var ownedBy: String?

    enum CodingKeys: String, CodingKey {
      case id, created
      case ownedBy = "owned_by"
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      id = try container.decode(String.self, forKey: .id)
      created = try? container.decodeIfPresent(Int64.self, forKey: .created)
      ownedBy = try? container.decodeIfPresent(String.self, forKey: .ownedBy)
    }
  }

  var data: [Item]

  func models(provider: String) -> [ModelDescription] {
    data.prefix(Self.limit).compactMap { item in
      guard (1...256).contains(item.id.utf8.count), item.id == ForeignText.oneLine(item.id) else {
        return nil
      }
      let owner = ForeignText.oneLine(item.ownedBy ?? provider, limit: 100)
      return ModelDescription(id: item.id, provider: provider, created: item.created, ownedBy: owner)
    }
  }
}
