import Foundation
import SecretMemory

/// What a key file says: `{"items":{name: base64},"version":1}`.
///
/// The bytes are looked at where they are. Only the item that is asked for is decoded, straight into guarded memory;
/// the others are passed over or copied as they stand, and all of it is wiped in the end.
final class KeyFileContent {
  private var bytes: [UInt8]
  private var items: [String: Range<Int>] = [:]

  /// No items.
  init() { bytes = [] }

  /// Takes the bytes of a file, also where it refuses them; nil for anything but what this program writes.
  init?(taking bytes: inout [UInt8]) {
    self.bytes = bytes
    bytes = []
    guard let items = self.bytes.withUnsafeBytes({ Self.items(in: $0) }) else { return nil }
    self.items = items
  }

  deinit { wipe(&bytes) }

  /// The names of the items.
  var names: Dictionary<String, Range<Int>>.Keys { items.keys }

  /// The secret under a name; nil where there is none, or no base64.
  func secret(named name: String) -> SecretBytes? {
    guard let range = items[name] else { return nil }
    return SecretBase64.decode(bytes[range])
  }

  /// The text of a file that says the same, but for one item: another secret, or nil for none. It is the caller's to
  /// wipe.
  func text(replacing name: String, with secret: UnsafeRawBufferPointer?) -> [UInt8] {
    var kept: [String: Range<Int>?] = items
    kept.removeValue(forKey: name)
    if secret != nil { kept.updateValue(nil, forKey: name) }
    let members = kept.sorted { $0.key < $1.key }.map { (label: Self.quoted($0.key), value: $0.value) }
    let opening = Array(#"{"items":{"#.utf8)
    let closing = Array(#"},"version":1}"#.utf8)
    let count = members.reduce(opening.count + closing.count) { count, member in
      count + member.label.count + 4 + (member.value?.count ?? SecretBase64.count(of: secret?.count ?? 0))
    }
    var text: [UInt8] = []
    // All of it at once: an array that grows leaves what it held behind.
    text.reserveCapacity(count)
    text += opening
    for (index, member) in members.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      text += member.label
      text.append(UInt8(ascii: ":"))
      text.append(UInt8(ascii: "\""))
      if let value = member.value {
        text += bytes[value]
      } else if let secret {
        SecretBase64.append(secret, to: &text)
      }
      text.append(UInt8(ascii: "\""))
    }
    text += closing
    return text
  }

  /// A name as a JSON string.
  private static func quoted(_ name: String) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    // A string can always be encoded.
    return [UInt8]((try? encoder.encode(name)) ?? Data())
  }

  /// Where the texts of the items are, by name.
  private static func items(in text: UnsafeRawBufferPointer) -> [String: Range<Int>]? {
    var scanner = ObjectScanner(text)
    var items: [String: Range<Int>]?
    var hasVersion = false
    let isRead = scanner.members { name, scanner in
      switch name {
      case "items" where items == nil:
        var found: [String: Range<Int>] = [:]
        let isRead = scanner.members { name, scanner in
          guard let value = scanner.string() else { return false }
          return found.updateValue(value, forKey: name) == nil
        }
        items = found
        return isRead
      case "version" where !hasVersion:
        hasVersion = true
        return scanner.take("1")
      default: return false
      }
    }
    return isRead && hasVersion && scanner.isAtEnd ? items : nil
  }
}

/// Walks through a JSON text without copying the strings in it.
private struct ObjectScanner {
  private let text: UnsafeRawBufferPointer
  private var position = 0

  init(_ text: UnsafeRawBufferPointer) { self.text = text }

  /// Whether nothing but space follows.
  var isAtEnd: Bool { text[position...].allSatisfy { Self.isSpace($0) } }

  /// Passes over a character, and the space before it, if it comes next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    while position < text.count, Self.isSpace(text[position]) { position += 1 }
    guard position < text.count, text[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  /// Passes over a string; gives where it is, without its quotes.
  mutating func string() -> Range<Int>? {
    guard take("\"") else { return nil }
    let start = position
    while position < text.count, text[position] >= 0x20 {
      switch text[position] {
      case UInt8(ascii: "\""):
        position += 1
        return start..<position - 1
      case UInt8(ascii: "\\"): position += 2
      default: position += 1
      }
    }
    return nil
  }

  /// Passes over an object; `member` is given each name and passes over the value.
  mutating func members(_ member: (String, inout ObjectScanner) -> Bool) -> Bool {
    guard take("{") else { return false }
    if take("}") { return true }
    repeat {
      guard let name = string(), let name = decoded(name), take(":"), member(name, &self) else {
        return false
      }
    } while take(",")
    return take("}")
  }

  private func decoded(_ name: Range<Int>) -> String? {
    try? JSONDecoder().decode(String.self, from: Data(text[name.lowerBound - 1..<name.upperBound + 1]))
  }

  private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0a, 0x0d].contains(byte) }
}
