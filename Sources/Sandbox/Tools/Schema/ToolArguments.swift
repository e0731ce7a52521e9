/// Arguments that were checked against the schema of their tool.
public struct ToolArguments: Hashable, Sendable {
  public let members: [String: ToolValue]

  init(_ members: [String: ToolValue]) { self.members = members }

  func text(_ name: String) -> String? { members[name]?.string }
  func number(_ name: String) -> Int? { members[name]?.int }
  func flag(_ name: String) -> Bool { members[name]?.bool ?? false }
  func texts(_ name: String) -> [String]? { members[name]?.elements?.compactMap(\.string) }
  func objects(_ name: String) -> [ToolArguments] {
    (members[name]?.elements ?? []).compactMap {
      if case .object(let members) = $0 { ToolArguments(members) } else { nil }
    }
  }

  /// A required text.
  func required(_ name: String) throws(ToolFailure) -> String {
    guard let text = text(name) else {
      throw .invalid("Missing required argument `\(name)`.", field: name, expected: "a string")
    }
    return text
  }
}
