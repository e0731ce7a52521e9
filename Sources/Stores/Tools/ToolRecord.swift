public import Foundation
import GRDB

/// A tool that agents may be offered.
public struct ToolRecord: Codable, Hashable, Identifiable, Sendable {
  public let source: ToolSource
  public let name: ToolName
  public let description: String
  public let runtime: ToolRuntime
  public let parameters: ToolParameters
  /// When it last became what it is.
  public let updatedAt: Date

  /// Its source and its name.
  public var id: String { "\(source.rawValue)/\(name.rawValue)" }
}

extension ToolRecord: StoredRecord {
  public static let databaseTableName = "tools"
}

/// A tool as its source describes it.
public struct NewTool: Hashable, Sendable {
  /// The longest description, in bytes of UTF-8.
  public static let longestDescription = 8 * 1024

  public let name: ToolName
  public let description: String
  public let runtime: ToolRuntime
  public let parameters: ToolParameters

  /// - Throws: ``ToolError/badDescription(of:)``.
  public init(
    name: ToolName, description: String, runtime: ToolRuntime, parameters: ToolParameters
  ) throws(ToolError) {
    let text = description.trimmingCharacters(in: .whitespacesAndNewlines).asStored
    guard (1...Self.longestDescription).contains(text.utf8.count) else {
      throw .badDescription(of: name.rawValue)
    }
    self.name = name
    self.description = text
    self.runtime = runtime
    self.parameters = parameters
  }
}
