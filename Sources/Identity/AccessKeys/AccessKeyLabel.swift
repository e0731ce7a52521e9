/// What a person calls an access key: one line of 1 to 80 characters. (spec/01, A8)
public struct AccessKeyLabel: Hashable, Sendable {
  /// The longest label, in characters.
  public static let maximumLength = 80

  public let text: String

  /// Takes what was typed; runs of whitespace become one space.
  /// - Throws: ``IdentityError/emptyLabel`` or ``IdentityError/longLabel``.
  public init(_ typed: String) throws(IdentityError) {
    let text = typed.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    guard !text.isEmpty else { throw .emptyLabel }
    guard text.count <= Self.maximumLength else { throw .longLabel }
    self.text = text
  }
}
