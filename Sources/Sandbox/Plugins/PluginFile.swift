/// A file of a plugin's code: where it lies below the plugin's folder, and what is in it. It is text.
public struct PluginFile: Hashable, Sendable {
  /// The way below the plugin's folder.
  public struct Path: Hashable, Sendable, CustomStringConvertible {
    static let longest = 240
    static let deepest = 8

    /// Names of ASCII letters, digits and `. _ - + @`; none is `.` or has `..` in it.
    public let components: [String]

    public var description: String { components.joined(separator: "/") }

    /// - Throws: ``PluginRefusal/recipe(field:reason:)``.
    public init(_ text: String) throws(PluginRefusal) {
      func refuse(_ reason: String) -> PluginRefusal { .recipe(field: "files", reason: reason) }
      let shown = VisibleText.escaped(String(text.prefix(100)))
      // Bytes: a mark that joins with a character makes another one of it, for the eye and for Swift.
      let bytes = Array(text.utf8)
      guard !bytes.isEmpty else { throw refuse("a path is empty") }
      guard bytes.count <= Self.longest else {
        throw refuse("a path has at most \(Self.longest) bytes: '\(shown)'")
      }
      guard !bytes.contains(0) else { throw refuse("a path has a NUL byte") }
      guard bytes[0] != UInt8(ascii: "/") else { throw refuse("'\(shown)' is absolute") }
      let dot = UInt8(ascii: ".")
      guard !zip(bytes, bytes.dropFirst()).contains(where: { $0 == dot && $1 == dot }) else {
        throw refuse("'\(shown)' has `..`")
      }
      let parts = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      guard parts.count <= Self.deepest else { throw refuse("'\(shown)' is more than \(Self.deepest) deep") }
      guard parts.allSatisfy({ !$0.isEmpty && !$0.elementsEqual([dot]) && $0.allSatisfy(Self.isPlain) })
      else {
        throw refuse("'\(shown)' is no path of names of letters, digits and '. _ - + @'")
      }
      components = parts.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
        UInt8(ascii: "+"), UInt8(ascii: "@"):
        true
      default: false
      }
    }
  }

  /// How many a plugin has.
  static let most = 256
  /// Bytes of one, and of all.
  static let longest = 1 << 20
  static let longestOfAll = 3 << 20

  public let path: Path
  public let text: String

  /// Whether it says itself what runs it.
  var isProgram: Bool { text.utf8.starts(with: Array("#!".utf8)) }

  /// - Throws: ``PluginRefusal/recipe(field:reason:)``, also for what is no text.
  init(_ path: String, text: String) throws(PluginRefusal) {
    self.path = try Path(path)
    guard text.utf8.count <= Self.longest else {
      throw .recipe(field: "files", reason: "'\(self.path)' has more than \(Self.longest >> 20) MiB")
    }
    guard !text.utf8.contains(0) else {
      throw .recipe(field: "files", reason: "'\(self.path)' is binary; the files of a plugin are text")
    }
    self.text = text
  }

  /// The same of bytes, which have to be text in UTF-8.
  init(_ path: String, bytes: [UInt8]) throws(PluginRefusal) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .recipe(field: "files", reason: "'\(try Path(path))' is binary; the files of a plugin are text")
    }
    try self.init(path, text: text)
  }

  /// - Throws: ``PluginRefusal/recipe(field:reason:)``, where they cannot all be there, or are too much.
  static func check(_ files: [PluginFile]) throws(PluginRefusal) {
    guard files.count <= most else {
      throw .recipe(field: "files", reason: "there are more than \(most)")
    }
    guard files.reduce(0, { $0 + $1.text.utf8.count }) <= longestOfAll else {
      throw .recipe(field: "files", reason: "together they have more than \(longestOfAll >> 20) MiB")
    }
    let names = Set(files.map(\.path.components))
    for file in files {
      for count in 1..<file.path.components.count
      where names.contains(Array(file.path.components.prefix(count))) {
        throw .recipe(field: "files", reason: "'\(file.path)' lies in what is a file itself")
      }
    }
  }
}
