public import Foundation

/// Any JSON: what a model calls a tool with, and what the tool answers.
public enum ToolValue: Codable, Hashable, Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([ToolValue])
  case object([String: ToolValue])

  /// The most levels that a text may nest.
  public static let deepest = 64
  /// The most bytes of a text.
  public static let longest = 8 << 20

  /// Reads a JSON text.
  /// - Throws: ``ToolFailure`` of ``ToolFailure/Kind/invalidArguments``.
  public init(json: Data) throws(ToolFailure) {
    guard json.count <= Self.longest else {
      throw .invalid("The arguments are longer than \(Self.longest >> 20) MiB.", expected: "less")
    }
    // The decoder recurses; what nests too deep does not reach it.
    guard Self.nests(json, atMost: Self.deepest) else {
      throw .invalid("The arguments nest more than \(Self.deepest) levels.", expected: "a flat object")
    }
    do {
      self = try JSONDecoder().decode(ToolValue.self, from: json)
    } catch {
      throw .invalid("The arguments are not JSON.", expected: "a JSON object")
    }
  }

  public init(json: String) throws(ToolFailure) { try self.init(json: Data(json.utf8)) }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .int(value)
    } else if let value = try? container.decode(Double.self) {
      self = .double(value)
    } else if let value = try? container.decode([String: ToolValue].self) {
      self = .object(value)
    } else {
      self = .array(try container.decode([ToolValue].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .double(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }

  /// The text: keys in order, nothing that need not be escaped is.
  public var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // A number that JSON has no text for is the only thing that cannot be written.
    guard let data = try? encoder.encode(self) else { return "null" }
    return String(decoding: data, as: UTF8.self)
  }

  private static func nests(_ text: Data, atMost levels: Int) -> Bool {
    var level = 0
    var isInString = false
    var isEscaped = false
    for byte in text {
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        level += 1
        if level > levels { return false }
      case UInt8(ascii: "}"), UInt8(ascii: "]"): level -= 1
      default: break
      }
    }
    return true
  }
}

extension ToolValue {
  /// The member of an object.
  public subscript(key: String) -> ToolValue? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  public var int: Int? {
    if case .int(let value) = self { Int(value) } else { nil }
  }

  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  public var elements: [ToolValue]? {
    if case .array(let values) = self { values } else { nil }
  }

  /// The same with every text in it changed.
  func mapTexts(_ change: (String) -> String) -> ToolValue {
    switch self {
    case .string(let text): .string(change(text))
    case .array(let values): .array(values.map { $0.mapTexts(change) })
    case .object(let members):
      .object(
        Dictionary(members.map { (change($0.key), $0.value.mapTexts(change)) }) { first, _ in first })
    default: self
    }
  }

  /// An object without the members that there are not.
  static func members(_ members: [String: ToolValue?]) -> ToolValue {
    .object(members.compactMapValues { $0 })
  }

  static func number(_ value: Int) -> ToolValue { .int(Int64(value)) }

  static func texts(_ values: some Sequence<String>) -> ToolValue { .array(values.map { .string($0) }) }
}

extension ToolValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: ToolValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, ToolValue)...) {
    self = .object(Dictionary(elements) { _, last in last })
  }
}
