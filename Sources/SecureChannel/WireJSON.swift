import Foundation

/// The ordinary way to read JSON from the wire, for texts that the fast looks leave aside.
enum WireJSON {
  /// The most levels that JSON from the wire may nest.
  static let depthLimit = 256

  /// Reads `text`, or gives nil when it is no such message, nests too deep, is not UTF-8 through and through, or
  /// holds a zero byte: JSON in UTF-8 has none, and in UTF-16 and UTF-32, which Foundation would take as well,
  /// every brace has one.
  static func decode<Message: Decodable>(
    _ type: Message.Type, from text: UnsafeRawBufferPointer
  ) -> Message? {
    guard !text.contains(0), String(validating: text, as: UTF8.self) != nil,
      !JSONDepth.exceeds(depthLimit, in: text)
    else { return nil }
    return try? JSONDecoder().decode(type, from: Data(text))
  }
}
