/// Why the tool index refused, each as a sentence for a person.
public enum ToolError: Error, Hashable, Sendable {
  /// No tool has that id or name.
  case noSuchTool(String)
  /// Tools of several sources have that name.
  case ambiguousTool(String, ids: [String])
  /// A description is empty or longer than ``NewTool/longestDescription``.
  case badDescription(of: String)
  /// What a tool takes cannot be told from its schema.
  case badParameters(String)
  /// Two tools of one source have the same name.
  case nameTwice(String)
  /// One source has more tools than ``ToolStore/mostOfOneSource``.
  case tooMany(source: String)
}

extension ToolError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchTool(let reference): "There is no tool '\(reference)'; see 'osaurus-host tool list'."
    case .ambiguousTool(let name, let ids):
      "Several tools are called '\(name)'; name one by its id: \(ids.joined(separator: ", "))."
    case .badDescription(let name):
      "The description of the tool '\(name)' has to have 1 to \(NewTool.longestDescription) bytes."
    case .badParameters(let reason): "A tool's parameters are not usable: \(reason)."
    case .nameTwice(let name): "Two tools of one source are called '\(name)'; rename one of them."
    case .tooMany(let source):
      "'\(source)' brings more than \(ToolStore.mostOfOneSource) tools; leave some of them out."
    }
  }
}
