public import Foundation
public import GRDB
public import Identity

/// Where a conversation came from.
public enum SessionSource: String, Codable, Sendable {
  case chat
  case http
  /// Code in the agent's sandbox asked for it.
  case sandbox
}

/// Who opened a conversation, and alone goes on with it: the owner, or the holder of one access key.
public struct SessionOpener: RawRepresentable, Codable, Hashable, Sendable, DatabaseValueConvertible {
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }

  /// The person whose host this is.
  public static let owner = SessionOpener(rawValue: "owner")

  /// Whoever holds the key that `issuer` signed with this nonce.
  public static func accessKey(issuer: Address, nonce: String) -> SessionOpener {
    SessionOpener(rawValue: "\(issuer.checksummed):\(nonce)")
  }

  /// Whatever runs in the sandbox of this agent.
  public static func sandbox(of agent: UUID) -> SessionOpener {
    SessionOpener(rawValue: "sandbox:\(agent.uuidString)")
  }
}

/// A conversation.
public struct SessionRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  /// The agent it is with; nil for a plain chat with a model.
  public let agentID: UUID?
  public var title: String
  public var model: String?
  public let source: SessionSource
  public let openedBy: SessionOpener
  public let createdAt: Date
  public internal(set) var updatedAt: Date

  enum CodingKeys: String, CodingKey {
    case id, title, model, source, openedBy, createdAt, updatedAt
    case agentID = "agentId"
  }
}

extension SessionRecord: StoredRecord {
  public static let databaseTableName = "sessions"
}

/// How a turn came to its end.
public enum TurnEnding: String, Codable, Sendable, DatabaseValueConvertible {
  case complete
  /// The one who asked went away.
  case cancelled
  /// The model failed on the way.
  case cut
}

/// One thing that was said.
public struct TurnRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  public let sessionID: UUID
  /// Its place in the conversation, from 0.
  public let position: Int
  public let role: String
  public let content: String
  public let thinking: String
  /// The model's tool calls, as JSON.
  public let toolCalls: String?
  public let toolCallID: String?
  public let ending: TurnEnding
  public let createdAt: Date
  /// ``TurnHash`` of all that was said, attachments included: what is read must still give it.
  public internal(set) var contentHash: String

  enum CodingKeys: String, CodingKey {
    case id, position, role, content, thinking, toolCalls, ending, createdAt, contentHash
    case sessionID = "sessionId"
    case toolCallID = "toolCallId"
  }
}

extension TurnRecord: StoredRecord {
  public static let databaseTableName = "turns"
}

/// Something to be said: a turn before it has a place.
public struct NewTurn: Sendable {
  public var role: String
  public var content: String
  public var thinking: String
  public var toolCalls: String?
  public var toolCallID: String?
  public var ending: TurnEnding
  /// What came with it besides text, in order.
  public var attachments: [NewAttachment]

  public init(
    role: String, content: String, thinking: String = "", toolCalls: String? = nil,
    toolCallID: String? = nil, ending: TurnEnding = .complete, attachments: [NewAttachment] = []
  ) {
    self.role = role
    self.content = content
    self.thinking = thinking
    self.toolCalls = toolCalls
    self.toolCallID = toolCallID
    self.ending = ending
    self.attachments = attachments
  }
}
