import ForeignText
import Foundation

/// A piece of an agent's answer, as a person reads it.
public enum AnswerPart: Hashable, Sendable {
  /// What the agent says.
  case text(String)
  /// What it thinks before it says it.
  case reasoning(String)
  /// It asks for a tool of this name.
  case toolCall(String)
  /// The answer failed, in the words of whoever made it; nothing sensible follows.
  case failed(String)
  /// The answer is complete.
  case done
}

/// Reads the events of a streamed answer (`data: {…"chat.completion.chunk"…}` up to `data: [DONE]`), however its bytes
/// are cut. Other events, comments and what follows the end are passed over. (spec/02, C11)
public struct AnswerTextDecoder: Sendable {
  /// The longest line, in bytes.
  static let lineLimit = 4 * 1024 * 1024

  private var line: [UInt8] = []
  private var isOver = false

  public init() {}

  /// Takes more of the stream and gives the parts that it completes.
  /// - Throws: ``ConnectorError/badAnswer(reason:)`` for a line without an end. An event that is not JSON of the right
  ///   shape gives ``AnswerPart/failed(_:)`` and ends the answer, so that nothing before it is lost.
  public mutating func feed(_ bytes: [UInt8]) throws(ConnectorError) -> [AnswerPart] {
    var parts: [AnswerPart] = []
    var rest = bytes[...]
    while !isOver {
      guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
        line += rest
        guard line.count <= Self.lineLimit else { throw .badAnswer(reason: "one piece of it is too large") }
        return parts
      }
      line += rest[..<end]
      rest = rest[(end + 1)...]
      guard line.count <= Self.lineLimit else { throw .badAnswer(reason: "one piece of it is too large") }
      read(line, into: &parts)
      line.removeAll(keepingCapacity: true)
    }
    return parts
  }

  private static let field = Array("data:".utf8)
  private static let end = Array("[DONE]".utf8)

  private mutating func read(_ line: [UInt8], into parts: inout [AnswerPart]) {
    guard line.starts(with: Self.field) else { return }
    var value = line[Self.field.count...]
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    if value.last == UInt8(ascii: "\r") { value = value.dropLast() }
    if value.isEmpty { return }
    if value.elementsEqual(Self.end) {
      parts.append(.done)
      isOver = true
      return
    }
    switch try? JSONDecoder().decode(Event.self, from: Data(value)) {
    case nil:
      parts.append(.failed("A piece of the answer could not be read."))
      isOver = true
    case .failure(let message):
      parts.append(.failed(message))
      isOver = true
    case .delta(let delta):
      if let reasoning = delta.reasoningText, !reasoning.isEmpty { parts.append(.reasoning(reasoning)) }
      if let content = delta.content, !content.isEmpty { parts.append(.text(content)) }
      for call in delta.toolCalls ?? [] {
        if let name = call.function?.name, !name.isEmpty { parts.append(.toolCall(name)) }
      }
    }
  }
}

/// What one event says.
private enum Event: Decodable {
  case delta(Delta)
  case failure(String)

  private enum CodingKeys: String, CodingKey { case error, choices, message }

  private struct Choice: Decodable { var delta: Delta? }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if container.contains(.error), try !container.decodeNil(forKey: .error) {
      let detail = try? container.nestedContainer(keyedBy: CodingKeys.self, forKey: .error)
      let message =
        (try? detail?.decode(String.self, forKey: .message))
        ?? (try? container.decode(String.self, forKey: .message))
        ?? (try? container.decode(String.self, forKey: .error))
      self = .failure(ForeignText.oneLine(message ?? "The answer failed; no reason was given.", limit: 500))
    } else {
      let choices = try container.decodeIfPresent([Choice].self, forKey: .choices) ?? []
      self = .delta(choices.first?.delta ?? Delta())
    }
  }
}

/// What is new in a chunk.
private struct Delta: Decodable {
  struct Call: Decodable { var function: Function? }
  struct Function: Decodable { var name: String? }

  var content: String?
  var reasoningContent: String?
  var reasoning: String?
  var toolCalls: [Call]?

  var reasoningText: String? { reasoningContent ?? reasoning }

  enum CodingKeys: String, CodingKey {
    case content, reasoning
    case reasoningContent = "reasoning_content"
    case toolCalls = "tool_calls"
  }
}
