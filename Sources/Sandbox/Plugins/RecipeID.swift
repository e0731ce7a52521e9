/// What a plugin is called wherever it has to be told from others: in folders, in the names of its tools, where its secrets are kept.
/// Small ASCII letters, digits and `-`: with a `_` behind it, the name of one of its tools can be that of no other plugin's.
public struct RecipeID: Hashable, Sendable, CustomStringConvertible {
  /// The most characters.
  public static let longest = 40
  /// What would make names of tools that are the host's own.
  private static let reserved: Set<String> = ["sandbox", "osaurus", "host"]

  public let description: String

  /// Reads an id as it is.
  /// - Throws: ``PluginRefusal/recipe(field:reason:)``.
  public init(_ text: String) throws(PluginRefusal) {
    let bytes = Array(text.utf8)
    guard (1...Self.longest).contains(bytes.count), bytes.allSatisfy(Self.isPlain),
      let first = bytes.first, let last = bytes.last, Self.isLetter(first), last != UInt8(ascii: "-")
    else {
      throw .recipe(
        field: "name",
        reason:
          "as an id it has ASCII letters, digits and '-' (for spaces), begins with a letter, and is at most \(Self.longest) long"
      )
    }
    guard !Self.reserved.contains(text) else { throw .recipe(field: "name", reason: "'\(text)' is taken") }
    description = text
  }

  /// The id of a plugin by its name: in small letters, with `-` for spaces.
  /// - Throws: ``PluginRefusal/recipe(field:reason:)``.
  public init(ofName name: String) throws(PluginRefusal) {
    // Byte by byte: letters of other alphabets that have an ASCII letter as their small one stay what they are, and are refused.
    try self.init(
      String(
        decoding: name.utf8.map { byte in
          switch byte {
          case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
          case UInt8(ascii: " "): UInt8(ascii: "-")
          default: byte
          }
        }, as: UTF8.self))
  }

  private static func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte }

  private static func isPlain(_ byte: UInt8) -> Bool {
    isLetter(byte) || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || byte == UInt8(ascii: "-")
  }
}
