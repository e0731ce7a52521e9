import Foundation

extension ToolSchema {
  /// Takes what a model wrote as what it means, checks all of it, and says of the first argument that cannot be taken why.
  /// - Throws: ``ToolFailure`` of ``ToolFailure/Kind/invalidArguments``.
  public func accept(_ value: ToolValue) throws(ToolFailure) -> ToolArguments {
    guard var members = Self.members(of: value) else {
      throw .invalid("The arguments are not an object.", expected: "a JSON object")
    }
    let names = Set(parameters.map(\.name))
    // Some models wrap what they mean in the word of the schema.
    if members.count == 1, !names.contains("properties"), let inner = members["properties"],
      let unwrapped = Self.members(of: inner)
    {
      members = unwrapped
    }
    var taken: [String: ToolValue] = [:]
    for parameter in parameters {
      if let value = try parameter.take(members[parameter.name]) { taken[parameter.name] = value }
    }
    if let unknown = members.keys.filter({ !names.contains($0) }).min() {
      throw .invalid(
        "Unknown argument `\(Self.shown(unknown))`.", field: Self.shown(unknown),
        expected: parameters.isEmpty
          ? "no arguments" : "only \(parameters.map { "`\($0.name)`" }.joined(separator: ", "))")
    }
    return ToolArguments(taken)
  }

  private static func members(of value: ToolValue) -> [String: ToolValue]? {
    switch value {
    case .object(let members): members
    case .null: [:]
    case .string(let text): read(text).flatMap { if case .object(let members) = $0 { members } else { nil } }
    default: nil
    }
  }

  /// The JSON in a text that stands for a value.
  static func read(_ text: String) -> ToolValue? { try? ToolValue(json: text) }

  static func shown(_ name: String) -> String {
    String(
      String.UnicodeScalarView(
        name.unicodeScalars.prefix(64).map { $0.value < 0x20 || $0.value == 0x7f ? "?" : $0 }))
  }
}

extension ToolSchema.Parameter {
  /// The value, or nil where there is none.
  func take(_ value: ToolValue?) throws(ToolFailure) -> ToolValue? {
    var value = value == .null ? nil : value
    if !isRequired, !keepsEmpty, value == .string("") { value = nil }
    guard let value else {
      if isRequired {
        throw .invalid("Missing required argument `\(name)`.", field: name, expected: kind.expected)
      }
      return standard
    }
    return try kind.take(value, name)
  }
}

extension ToolSchema.Kind {
  fileprivate func take(_ value: ToolValue, _ name: String) throws(ToolFailure) -> ToolValue {
    let meant = coerced(value)
    func refused() -> ToolFailure {
      .invalid("Argument `\(name)` is not \(expected).", field: name, expected: expected)
    }
    switch (self, meant) {
    case (.text(let longest), .string(let text)) where text.utf8.count <= longest: return meant
    case (.choice(let choices), .string(let text)):
      guard let choice = choices.first(where: { $0 == text }) else { throw refused() }
      return .string(choice)
    case (.integer(let range), .int(let number)) where range.contains(Int(number)): return meant
    case (.number, .int), (.number, .double), (.flag, .bool), (.list, .array), (.object, .object):
      return meant
    case (.texts(let most), .array(let values)) where (1...most).contains(values.count):
      guard values.allSatisfy({ $0.string != nil }) else { throw refused() }
      return meant
    case (.objects(let schema, let most), .array(let values)) where (1...most).contains(values.count):
      var taken: [ToolValue] = []
      for (index, value) in values.enumerated() {
        do {
          taken.append(.object(try schema.accept(value).members))
        } catch {
          var failure = error
          failure.field = "\(name)[\(index)]" + (error.field.map { ".\($0)" } ?? "")
          throw failure
        }
      }
      return .array(taken)
    default: throw refused()
    }
  }

  /// What is meant by a value of another kind, where that can be told.
  private func coerced(_ value: ToolValue) -> ToolValue {
    switch (self, value) {
    case (.choice(let choices), .string(let text)):
      if choices.contains(text) { return value }
      let folded = choices.filter { $0.lowercased() == text.lowercased() }
      return folded.count == 1 ? .string(folded[0]) : value
    case (.integer, .double(let number)): return Int64(exactly: number).map { .int($0) } ?? value
    case (.integer, .string(let text)):
      let trimmed = text.trimmingCharacters(in: .whitespaces)
      if let number = Int64(trimmed) { return .int(number) }
      return Double(trimmed).flatMap { Int64(exactly: $0) }.map { .int($0) } ?? value
    case (.number, .string(let text)):
      guard let number = Double(text.trimmingCharacters(in: .whitespaces)), number.isFinite else {
        return value
      }
      return .double(number)
    case (.flag, .string(let text)):
      return switch text.lowercased() {
      case "true", "yes", "1": true
      case "false", "no", "0": false
      default: value
      }
    case (.flag, .int(0)): return false
    case (.flag, .int(1)): return true
    case (.text, .int(let number)): return .string("\(number)")
    case (.texts, .string(let text)):
      if let read = ToolSchema.read(text), read.elements != nil { return read }
      return value
    case (.objects, .string(let text)), (.list, .string(let text)):
      return ToolSchema.read(text).flatMap { $0.elements == nil ? nil : $0 } ?? value
    case (.object, .string(let text)):
      return ToolSchema.read(text).flatMap { if case .object = $0 { $0 } else { nil } } ?? value
    default: return value
    }
  }
}
