import Identity

/// Passes lines of JSON on as they are, but for errors: a host says them as an object with a type, and Ollama's clients
/// read them as a text. (spec/02, C14)
struct OllamaErrors: StreamTranslation {
  /// The longest line, in bytes.
  private static let lineLimit = 16 * 1024 * 1024

  private var line: [UInt8] = []

  mutating func feed(_ piece: [UInt8]) throws -> [UInt8] {
    var passed: [UInt8] = []
    var rest = piece[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      line += rest[...end]
      rest = rest[(end + 1)...]
      passed += Self.translated(line)
      line.removeAll(keepingCapacity: true)
    }
    line += rest
    guard line.count <= Self.lineLimit else { throw ConnectorError.answerTooLarge }
    return passed
  }

  mutating func finish() throws -> [UInt8] {
    defer { line = [] }
    return Self.translated(line)
  }

  /// A line, with the text of its error in place of an error that is an object.
  static func translated(_ line: [UInt8]) -> [UInt8] {
    guard let message = message(of: line) else { return line }
    return ProxyFailure.ollamaObject(message) + (line.last == UInt8(ascii: "\n") ? [UInt8(ascii: "\n")] : [])
  }

  private static func message(of line: [UInt8]) -> String? {
    line.withUnsafeBytes { text in
      var message: String?
      let isObject = FlatJSON.scan(text) { key, value in
        if FlatJSON.isKey(key, "error"), message == nil, case .object(let detail) = value {
          _ = FlatJSON.scan(detail) { key, value in
            if FlatJSON.isKey(key, "message"), message == nil { message = FlatJSON.text(value) }
            return true
          }
        }
        return true
      }
      return isObject ? message : nil
    }
  }
}
