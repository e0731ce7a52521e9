public import Foundation

/// A command that waits for the owner's word.
public struct PermissionRequest: Hashable, Sendable {
  /// What names it to the owner: eight lowercase digits.
  public let id: String
  public let agent: UUID
  /// The command, as the agent wrote it. An agent chose every character of it.
  public let command: String
  public let digest: String
  /// What it needs and does not have.
  public let needs: [PermissionNeed]
  public let askedAt: Date
  /// When it is gone if nothing was said.
  public let endsAt: Date

  public var permissions: [Permission] { needs.map(\.permission) }
}

/// For how long the owner allows something.
public enum PermissionScope: Hashable, Sendable {
  /// This command, one time.
  case once
  /// Every command of the agent that needs the same, until the service stops.
  case session
  /// Every command of the agent that needs the same, for so long; no longer than the service runs.
  case time(Duration)

  /// The longest time.
  public static let longest = Duration.seconds(24 * 3600)

  /// For the record.
  public var words: String {
    switch self {
    case .once: "once"
    case .session: "session"
    case .time(let time): "\(time.components.seconds) s"
    }
  }
}

/// What became of a request.
public enum PermissionAnswer: String, Codable, Hashable, Sendable {
  case granted, denied, expired
}

/// Something about permissions that is worth a record.
public struct PermissionEvent: Hashable, Sendable {
  public enum Kind: String, Codable, Sendable {
    case asked, granted, denied, expired
  }

  public let kind: Kind
  public let agent: UUID
  public let permissions: [Permission]
  /// Of the command.
  public let digest: String
  /// For how long, where it was granted.
  public let scope: String?
  /// The request's id.
  public let request: String
}

/// A permission that an agent has for a while.
public struct PermissionGrant: Hashable, Sendable {
  public let agent: UUID
  public let permission: Permission
  /// nil for as long as the service runs.
  public let endsAt: Date?
}

/// Why the owner's word does not count.
public enum PermissionDeafness: Error, Hashable, Sendable {
  /// Nothing waits under that id any more.
  case gone
  /// The owner was not shown what is asked for.
  case unseen
  /// It is for no time, or for more than a day.
  case badTime
}
