public import Foundation

/// What an agent's service is called on the network: `<name>@<UUID>`, of which the id is always whole. (spec/02, C1)
public struct InstanceName: Hashable, Sendable {
  /// How many bytes a label of DNS holds.
  static let limit = 63

  public let text: String

  /// - Parameter name: cut at a character, so that all of it fits into a label.
  public init(agent name: String, id: UUID) {
    let suffix = "@" + id.uuidString
    text = name.withoutControls.prefix(bytes: Self.limit - suffix.utf8.count) + suffix
  }
}

extension String {
  /// As many whole characters from the beginning as `limit` bytes of UTF-8 hold.
  func prefix(bytes limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var end = startIndex
    var left = limit
    while end < endIndex {
      let next = index(after: end)
      left -= self[end..<next].utf8.count
      if left < 0 { break }
      end = next
    }
    return String(self[..<end])
  }

  /// Without the characters that a program in C, or a terminal, would stumble over.
  var withoutControls: String {
    var kept = String.UnicodeScalarView()
    kept.append(contentsOf: unicodeScalars.filter { $0.properties.generalCategory != .control })
    return String(kept)
  }
}
