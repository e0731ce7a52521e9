import Identity

/// A request for a chat completion, as far as one has to know it to have an agent answer. (spec/02, C16)
///
/// What is not known stays as it came, byte for byte. A body that is no JSON object asks for nothing, and is the peer's to
/// refuse.
struct ChatOrder: Hashable, Sendable {
  /// The model that is asked for; empty where none is.
  let model: String
  /// Whether the answer is to come as a stream.
  let streams: Bool

  private let body: [UInt8]
  /// Where the model stands in the body, without its quotes.
  private let modelPlace: Range<Int>?
  private let hasStreamOptions: Bool
  private let isObject: Bool

  init(_ body: [UInt8]) {
    var (name, streams): (String?, Bool?)
    var place: Range<Int>?
    var hasStreamOptions = false
    isObject = body.withUnsafeBytes { text in
      FlatJSON.scan(text) { key, value in
        if FlatJSON.isKey(key, "model"), name == nil, let written = FlatJSON.text(value) {
          name = written
          place = Self.place(of: value, in: text)
        } else if FlatJSON.isKey(key, "stream") {
          streams = streams ?? FlatJSON.boolean(value)
        } else if FlatJSON.isKey(key, "stream_options") {
          hasStreamOptions = true
        }
        return true
      }
    }
    model = isObject ? name ?? "" : ""
    modelPlace = isObject ? place : nil
    self.streams = isObject && streams == true
    self.hasStreamOptions = hasStreamOptions
    self.body = body
  }

  private static func place(of value: FlatJSON.Value, in text: UnsafeRawBufferPointer) -> Range<Int>? {
    switch value {
    case .string(let content), .escaped(let content):
      guard let base = text.baseAddress, let start = content.baseAddress else { return nil }
      return (start - base)..<(start - base + content.count)
    case .unsigned, .number, .boolean, .object, .array, .null: return nil
    }
  }

  /// The body as an agent is asked, which always answers with a stream.
  /// - Parameters:
  ///   - ownModel: whether the agent is to use the model that its owner gave it, in place of the one that is named.
  ///   - wantsUsage: whether the stream is to tell what the answer cost, as an answer in one piece does.
  func agentBody(ownModel: Bool, wantsUsage: Bool) -> [UInt8] {
    var body = body
    if ownModel, let modelPlace { body.removeSubrange(modelPlace) }
    if wantsUsage, isObject, !hasStreamOptions, let brace = body.firstIndex(of: UInt8(ascii: "{")) {
      let isEmpty = body[(brace + 1)...].first { !Self.isSpace($0) } == UInt8(ascii: "}")
      let member = #""stream_options":{"include_usage":true}"# + (isEmpty ? "" : ",")
      body.insert(contentsOf: member.utf8, at: brace + 1)
    }
    return body
  }

  private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0a, 0x0d].contains(byte) }
}
