public import Foundation
import GRDB

/// Which kind of thing is remembered.
public enum MemoryLayer: String, CaseIterable, Codable, Sendable {
  /// What holds for good: who the owner is, what is always to be minded.
  case identity
  /// A fact worth keeping.
  case pinned
  /// What one conversation was about.
  case episode
  /// What was said, word for word.
  case transcript
}

/// Who wrote a memory. What a model wrote stays with the agent whose model it was.
public enum MemoryAuthor: String, Codable, Sendable {
  case owner
  case conversation
  case model
}

/// One thing that is remembered.
public struct MemoryEntry: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  /// The agent that remembers it; nil for what the owner told all of them.
  public let agentID: UUID?
  public let layer: MemoryLayer
  public let author: MemoryAuthor
  /// The conversation that it comes from.
  public let conversationID: String?
  /// Its place in that conversation, from 0, for a transcript.
  public let position: Int?
  /// Who said it, for a transcript.
  public let role: String?
  public let content: String
  /// Words that it should be found by, too.
  public let keywords: String
  /// How much it matters, from 0 to 1.
  public let salience: Double
  public let useCount: Int
  public let lastUsedAt: Date?
  /// When it was said or came about.
  public let happenedAt: Date
  public let createdAt: Date

  enum CodingKeys: String, CodingKey {
    case id, layer, author, position, role, content, keywords, salience, useCount, lastUsedAt, happenedAt,
      createdAt
    case agentID = "agentId"
    case conversationID = "conversationId"
  }
}

extension MemoryEntry: StoredRecord {
  public static let databaseTableName = "memories"
}

/// Something to be remembered.
public struct NewMemory: Sendable {
  /// The longest text of one memory, in bytes of UTF-8.
  public static let longestContent = 64 * 1024

  public var agentID: UUID?
  public var layer: MemoryLayer
  public var author: MemoryAuthor
  public var content: String
  public var keywords: String
  public var salience: Double
  public var conversationID: String?
  /// When it came about; the time of storing without one.
  public var happenedAt: Date?

  public init(
    agentID: UUID?, layer: MemoryLayer = .pinned, author: MemoryAuthor = .owner, content: String,
    keywords: String = "", salience: Double = 0.5, conversationID: String? = nil, happenedAt: Date? = nil
  ) {
    self.agentID = agentID
    self.layer = layer
    self.author = author
    self.content = content
    self.keywords = keywords
    self.salience = salience
    self.conversationID = conversationID
    self.happenedAt = happenedAt
  }
}

/// One exchange of a conversation.
public struct ConversationTurn: Codable, Hashable, Sendable {
  public var user: String
  public var assistant: String?
  public var date: Date?

  public init(user: String, assistant: String? = nil, date: Date? = nil) {
    self.user = user
    self.assistant = assistant
    self.date = date
  }
}
