public import Foundation
public import GRDB

/// Who wrote a method.
public enum MethodAuthor: String, Codable, Sendable, DatabaseValueConvertible {
  case owner
  case model
}

/// Whether a method is offered.
public enum MethodTier: String, Codable, Sendable, DatabaseValueConvertible {
  case active
  /// It is kept, and not offered any more.
  case retired
}

/// What is said of a method by whoever writes it.
public struct MethodText: Hashable, Sendable {
  static let longestName = 200
  static let longestDescription = 4096
  static let longestBody = 64 * 1024
  static let mostTools = 64

  public var name: String
  public var description: String
  /// When it is of use.
  public var occasion: String
  /// How it is done.
  public var body: String
  public var tools: [ToolName]

  public init(
    name: String, description: String, occasion: String = "", body: String, tools: [ToolName] = []
  ) {
    self.name = name
    self.description = description
    self.occasion = occasion
    self.body = body
    self.tools = tools
  }

  /// The same as it is kept.
  /// - Throws: ``MethodError/badText(field:limit:)``.
  func checked() throws(MethodError) -> MethodText {
    var text = self
    text.name = try Self.checked(name, "name", Self.longestName)
    text.description = try Self.checked(description, "description", Self.longestDescription)
    if !occasion.isEmpty { text.occasion = try Self.checked(occasion, "occasion", Self.longestDescription) }
    text.body = try Self.checked(body, "body", Self.longestBody)
    text.tools = Array(tools.prefix(Self.mostTools))
    return text
  }

  private static func checked(_ text: String, _ field: String, _ limit: Int) throws(MethodError) -> String {
    let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines).asStored
    guard (1...limit).contains(trimmed.utf8.count) else { throw .badText(field: field, limit: limit) }
    return trimmed
  }
}

/// A way to do something.
public struct MethodRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  /// The agent that learned it; nil for what the owner wrote for all of them.
  public let agentID: UUID?
  public let author: MethodAuthor
  /// The model that wrote it.
  public let model: String?
  public internal(set) var tier: MethodTier
  public internal(set) var name: String
  public internal(set) var description: String
  public internal(set) var occasion: String
  public internal(set) var body: String
  public internal(set) var tools: [ToolName]
  /// It rises with every change.
  public internal(set) var version: Int
  public let createdAt: Date
  public internal(set) var updatedAt: Date

  enum CodingKeys: String, CodingKey {
    case id, author, model, tier, name, description, occasion, body, tools, version, createdAt, updatedAt
    case agentID = "agentId"
  }
}

extension MethodRecord: StoredRecord {
  public static let databaseTableName = "methods"
}

/// What came of a method.
public enum MethodEvent: String, Codable, Sendable, DatabaseValueConvertible {
  case loaded
  case succeeded
  case failed
}

/// What all that came of a method amounts to, as of now.
public struct MethodScore: Codable, Hashable, Sendable {
  public let timesLoaded: Int
  public let timesSucceeded: Int
  public let timesFailed: Int
  public let lastUsedAt: Date?

  /// How likely it succeeds, as far as that can be told: a half before it was tried (Laplace's rule of succession).
  public var successRate: Double { Double(timesSucceeded + 1) / Double(timesSucceeded + timesFailed + 2) }
}

extension MethodScore: StoredRecord {
  public static let databaseTableName = "method_scores"
}
