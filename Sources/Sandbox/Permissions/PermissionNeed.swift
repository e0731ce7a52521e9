/// What in a command makes a permission needed.
public struct Evidence: Codable, Hashable, Sendable {
  /// The most of a command that is repeated, in characters.
  static let longestExcerpt = 160

  /// The part of the command, as it is written there.
  public let text: String
  /// Where that begins in the text that a shell reads, in bytes. Of a text within the text, where the outer one has it.
  public let offset: Int?
  /// Which word of a command that no shell reads, from 0.
  public let word: Int?
  /// Why, in one sentence.
  public let reason: String

  init(_ text: String, offset: Int? = nil, word: Int? = nil, reason: String) {
    self.text =
      text.count > Self.longestExcerpt ? "\(text.prefix(Self.longestExcerpt - 1))…" : text
    self.offset = offset
    self.word = word
    self.reason = reason
  }
}

/// A permission that a command needs, and why.
public struct PermissionNeed: Codable, Hashable, Sendable {
  public let permission: Permission
  /// At least one, in the order of the command; not all, where there are many.
  public let evidence: [Evidence]

  public init(_ permission: Permission, _ evidence: [Evidence]) {
    self.permission = permission
    self.evidence = evidence
  }
}

/// The needs that were found so far.
struct Findings {
  /// How much evidence is kept for one permission.
  static let mostEvidence = 8

  private var found: [Permission: [Evidence]] = [:]

  mutating func add(_ permission: Permission, _ evidence: Evidence) {
    let known = found[permission, default: []]
    guard known.count < Self.mostEvidence, !known.contains(evidence) else { return }
    found[permission] = known + [evidence]
  }

  /// In the order of the permissions, each with its evidence in the order of the command.
  var needs: [PermissionNeed] {
    Permission.allCases.compactMap { permission in
      found[permission].map { evidence in
        PermissionNeed(
          permission, evidence.sorted { ($0.word ?? 0, $0.offset ?? 0) < ($1.word ?? 0, $1.offset ?? 0) })
      }
    }
  }
}
