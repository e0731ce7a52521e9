/// What a tool takes: named arguments of known kinds, and no others.
public struct ToolSchema: Sendable {
  /// What an argument is.
  public indirect enum Kind: Sendable {
    /// A text of at most so many bytes.
    case text(longest: Int = 64 << 10)
    /// One of these.
    case choice([String])
    case integer(ClosedRange<Int>)
    case number
    case flag
    /// At most so many texts.
    case texts(most: Int)
    /// At most so many objects.
    case objects(ToolSchema, most: Int)
    case list
    case object
  }

  public struct Parameter: Sendable {
    let name: String
    let kind: Kind
    let description: String
    let isRequired: Bool
    /// Whether an empty text means something, and is not the same as none.
    let keepsEmpty: Bool
    let standard: ToolValue?

    public init(
      _ name: String, _ kind: Kind, _ description: String, isRequired: Bool = false,
      keepsEmpty: Bool = false, standard: ToolValue? = nil
    ) {
      self.name = name
      self.kind = kind
      self.description = description
      self.isRequired = isRequired
      self.keepsEmpty = keepsEmpty
      self.standard = standard
    }
  }

  /// In the order in which they are checked.
  public let parameters: [Parameter]

  public init(_ parameters: [Parameter]) { self.parameters = parameters }

  /// As a JSON schema.
  public var json: ToolValue {
    var schema: [String: ToolValue] = [
      "type": "object", "additionalProperties": false,
      "properties": .object(Dictionary(parameters.map { ($0.name, $0.json) }) { first, _ in first }),
    ]
    let required = parameters.filter(\.isRequired).map(\.name)
    if !required.isEmpty { schema["required"] = .texts(required) }
    return .object(schema)
  }
}

extension ToolSchema.Parameter {
  var json: ToolValue {
    var members = kind.json
    members["description"] = .string(description)
    members["default"] = standard
    return .object(members)
  }
}

extension ToolSchema.Kind {
  var json: [String: ToolValue] {
    switch self {
    case .text(let longest): ["type": "string", "maxLength": .number(longest)]
    case .choice(let choices): ["type": "string", "enum": .texts(choices)]
    case .integer(let range):
      ["type": "integer", "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)]
    case .number: ["type": "number"]
    case .flag: ["type": "boolean"]
    case .texts(let most):
      ["type": "array", "items": ["type": "string"], "minItems": 1, "maxItems": .number(most)]
    case .objects(let schema, let most):
      ["type": "array", "items": schema.json, "minItems": 1, "maxItems": .number(most)]
    case .list: ["type": "array"]
    case .object: ["type": "object"]
    }
  }

  /// What is taken, in words.
  var expected: String {
    switch self {
    case .text(let longest): "a string of at most \(longest) bytes"
    case .choice(let choices): "one of \(choices.map { "`\($0)`" }.joined(separator: ", "))"
    case .integer(let range):
      range.upperBound == .max
        ? "an integer, at least \(range.lowerBound)"
        : "an integer from \(range.lowerBound) to \(range.upperBound)"
    case .number: "a number"
    case .flag: "true or false"
    case .texts(let most): "an array of 1 to \(most) strings"
    case .objects(_, let most): "an array of 1 to \(most) objects"
    case .list: "an array"
    case .object: "an object"
    }
  }
}
