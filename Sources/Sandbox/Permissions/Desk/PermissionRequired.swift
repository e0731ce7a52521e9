public import Foundation

/// A command does not run, because nobody has allowed what it needs. This is what a program reads about it.
public struct PermissionRequired: Error, Codable, Hashable, Sendable {
  /// Always `PERMISSION_REQUIRED`.
  public let code: String
  public let message: String
  /// What is needed and not given, and what in the command makes it so.
  public let needs: [PermissionNeed]
  /// The request that is open now; nil where too many are.
  public let request: String?
  /// When it is gone if nothing is said.
  public let expiresAt: Date?
  /// What to do.
  public let nextStep: String

  init(_ needs: [PermissionNeed], request: PermissionRequest?) {
    code = "PERMISSION_REQUIRED"
    self.needs = needs
    self.request = request?.id
    expiresAt = request?.endsAt
    let words = needs.map(\.permission.plainWords).formatted(
      .list(type: .and).locale(Locale(identifier: "en_US")))
    message = "The owner has not allowed this command to \(words)."
    nextStep =
      request.map {
        "The owner is asked (request \($0.id)): osaurus-host sandbox requests. Run the same command again once it is approved, or do it another way."
      } ?? "Too many requests wait for the owner. Do it another way, or come again later."
  }

  /// As JSON, with its keys in order.
  public func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self)
  }
}

/// The owner has said no to this command, a short while ago.
public struct PermissionDenied: Error, Codable, Hashable, Sendable {
  /// Always `PERMISSION_DENIED`.
  public let code: String
  public let message: String
  public let needs: [PermissionNeed]

  init(_ needs: [PermissionNeed]) {
    code = "PERMISSION_DENIED"
    message = "The owner has denied this command. Do it another way."
    self.needs = needs
  }
}
