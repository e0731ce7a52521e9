/// A tool that a model calls, or a piece of such a call while it streams. Members this host does not know are
/// kept and passed on.
public struct ToolCall: Codable, Sendable, Hashable {
  /// Which call of several a streamed piece belongs to; absent in whole calls.
  public var index: Int?
  /// The call's identifier; in a stream only the first piece has one.
  public var id: String?
  /// `function`; in a stream only the first piece has one.
  public var type: String?
  /// The function's name; in a stream only the first piece has one.
  public var name: String?
  /// The arguments as JSON text; in a stream, the next piece of that text.
  public var arguments: String?
  /// Every other member of the object.
  public var extras: [String: JSONValue]

  public init(
    index: Int? = nil, id: String? = nil, type: String? = "function", name: String?, arguments: String?,
    extras: [String: JSONValue] = [:]
  ) {
    self.index = index
    self.id = id
    self.type = type
    self.name = name
    self.arguments = arguments
    self.extras = extras
  }

  public init(from decoder: any Decoder) throws {
    guard case .object(var members) = try JSONValue(from: decoder) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "a tool call is an object"))
    }
    index = members.removeValue(forKey: "index")?.int.map(Int.init)
    id = members.removeValue(forKey: "id")?.string
    type = members.removeValue(forKey: "type")?.string
    let function = members.removeValue(forKey: "function")
    name = function?["name"]?.string
    switch function?["arguments"] {
    case .string(let text): arguments = text
    case nil, .null: arguments = nil
    // Some servers give the arguments as an object instead of as text.
    case let value?: arguments = try JSONText.encode(value)
    }
    extras = members
  }

  public func encode(to encoder: any Encoder) throws {
    var members = extras
    if let index { members["index"] = .int(Int64(index)) }
    if let id { members["id"] = .string(id) }
    if let type { members["type"] = .string(type) }
    var function: [String: JSONValue] = [:]
    if let name { function["name"] = .string(name) }
    if let arguments { function["arguments"] = .string(arguments) }
    if !function.isEmpty { members["function"] = .object(function) }
    try JSONValue.object(members).encode(to: encoder)
  }
}
