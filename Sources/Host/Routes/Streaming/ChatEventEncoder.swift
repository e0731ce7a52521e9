import Foundation
import Inference
import NIOCore

/// Writes the events of one streamed answer. What is the same in every chunk is made once; a piece of text costs
/// its own bytes and no decoder or encoder. (spec/02, C11)
struct ChatEventEncoder: Sendable {
  /// `chatcmpl-` and 12 uppercase hexadecimal digits.
  let id: String
  /// Unix seconds.
  let created: Int64
  let model: String

  /// `data: {…,"choices":[`.
  private let head: ByteBuffer

  init(id: String = ChatEventEncoder.makeID(), created: Int64, model: String) {
    self.id = id
    self.created = created
    self.model = model
    var head = ByteBuffer(string: "data: {\"id\":")
    head.writeJSONString(id)
    head.writeString(",\"object\":\"chat.completion.chunk\",\"created\":\(created),\"model\":")
    head.writeJSONString(model)
    head.writeStaticString(",\"choices\":[")
    self.head = head
  }

  static func makeID() -> String {
    let digits = UUID().uuidString.replacing("-", with: "")
    return "chatcmpl-\(digits.suffix(12))"
  }

  /// The chunk that an answer starts with.
  func writeStart(to buffer: inout ByteBuffer) {
    buffer.writeImmutableBuffer(head)
    buffer.writeStaticString("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n")
  }

  /// A chunk with what `delta` brings; nothing where it brings nothing. The role is said at the start.
  func writeDelta(_ delta: ChatChunk.Delta, finishReason: String? = nil, to buffer: inout ByteBuffer) {
    let calls = delta.toolCalls ?? []
    let content = delta.content.flatMap { $0.isEmpty ? nil : $0 }
    let reasoning = delta.reasoningContent.flatMap { $0.isEmpty ? nil : $0 }
    if content == nil, reasoning == nil, calls.isEmpty, finishReason == nil { return }
    buffer.writeImmutableBuffer(head)
    buffer.writeStaticString("{\"index\":0,\"delta\":{")
    var isFirst = true
    if let content { Self.writeMember("\"content\":", content, &isFirst, to: &buffer) }
    if let reasoning { Self.writeMember("\"reasoning_content\":", reasoning, &isFirst, to: &buffer) }
    if !calls.isEmpty, let json = try? Self.encoder.encode(calls) {
      if !isFirst { buffer.writeStaticString(",") }
      buffer.writeStaticString("\"tool_calls\":")
      buffer.writeBytes(json)
    }
    buffer.writeStaticString("}")
    if let finishReason {
      buffer.writeStaticString(",\"finish_reason\":")
      buffer.writeJSONString(finishReason)
    }
    buffer.writeStaticString("}]}\n\n")
  }

  /// The chunk that tells what the answer cost.
  func writeUsage(_ usage: Usage, to buffer: inout ByteBuffer) {
    guard let json = try? Self.encoder.encode(usage) else { return }
    buffer.writeImmutableBuffer(head)
    buffer.writeStaticString("],\"usage\":")
    buffer.writeBytes(json)
    buffer.writeStaticString("}\n\n")
  }

  /// An error in the middle of an answer.
  static func writeError(_ message: String, type: String, to buffer: inout ByteBuffer) {
    buffer.writeStaticString("data: {\"error\":{\"message\":")
    buffer.writeJSONString(message)
    buffer.writeStaticString(",\"type\":")
    buffer.writeJSONString(type)
    buffer.writeStaticString("}}\n\n")
  }

  /// The last event of every stream.
  static func writeDone(to buffer: inout ByteBuffer) { buffer.writeStaticString("data: [DONE]\n\n") }

  private static func writeMember(
    _ name: StaticString, _ text: String, _ isFirst: inout Bool, to buffer: inout ByteBuffer
  ) {
    if !isFirst { buffer.writeStaticString(",") }
    isFirst = false
    buffer.writeStaticString(name)
    buffer.writeJSONString(text)
  }

  private static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}
