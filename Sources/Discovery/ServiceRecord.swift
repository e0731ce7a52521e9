import ForeignText
public import Foundation
public import Identity

/// What is told about an agent on the network. (spec/02, C1)
///
/// Nobody vouches for it: it says where to ask, and which address has to be proved there, never that it is so.
public struct ServiceRecord: Hashable, Sendable {
  /// The type of the service that every agent is.
  public static let type = "_osaurus._tcp"

  /// The most bytes of a description.
  static let descriptionLimit = 200
  /// The most bytes of a name: what is left of a string after `name=`.
  static let nameLimit = 250

  public let id: UUID
  public let name: String
  /// Empty where there is none.
  public let description: String
  /// What the agent has to sign with; nil for an agent that cannot be paired with.
  public let address: Address?
  /// Whether agents there are reached through the secure channel.
  public let hasSecureChannel: Bool

  /// What a host says about one of its agents.
  public init(id: UUID, name: String, description: String, address: Address?) {
    self.id = id
    self.name = name.prefix(bytes: Self.nameLimit)
    self.description = description.prefix(bytes: Self.descriptionLimit)
    self.address = address
    hasSecureChannel = true
  }

  /// In the form in which it is published.
  public var txt: TXTRecord {
    var pairs = [(key: "name", value: name), (key: "id", value: id.uuidString)]
    if !description.isEmpty { pairs.append((key: "description", value: description)) }
    if let address { pairs.append((key: "address", value: address.checksummed)) }
    if hasSecureChannel { pairs.append((key: "osc", value: "1")) }
    return TXTRecord(pairs)
  }

  /// Reads what came from the network. Names and descriptions become one line that a terminal may show.
  /// - Throws: ``RecordRefusal``.
  init(_ txt: TXTRecord) throws(RecordRefusal) {
    guard let id = txt["id"] else { throw .noID }
    guard id.count == 36, let id = UUID(uuidString: String(decoding: id, as: UTF8.self)) else { throw .badID }
    guard let name = txt["name"] else { throw .noName }
    guard let name = Self.line(name), !name.isEmpty else { throw .badName }
    if let text = txt["address"] {
      guard let address = try? Address(String(decoding: text, as: UTF8.self)) else { throw .badAddress }
      self.address = address
    } else {
      address = nil
    }
    self.id = id
    self.name = name
    description = txt["description"].flatMap(Self.line) ?? ""
    hasSecureChannel = txt["osc"] == [UInt8(ascii: "1")]
  }

  /// - Returns: nil for what is not UTF-8.
  private static func line(_ bytes: [UInt8]) -> String? {
    String(validating: bytes, as: UTF8.self).map { ForeignText.oneLine($0, limit: 200) }
  }
}

/// Why what a service says about itself is not believed to be about an agent.
enum RecordRefusal: Error, Hashable, Sendable {
  case tooLong
  case noID
  case badID
  case noName
  case badName
  case badAddress
  case badHost
  case badPort
}
