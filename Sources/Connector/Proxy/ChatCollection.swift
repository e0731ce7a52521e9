import Foundation
import SecureChannel

/// A streamed chat completion, put together to the answer in one piece that a program asked for. (spec/02, C16)
struct ChatCollection {
  private var decoder: EventStreamDecoder
  private let limit: Int
  private var count = 0
  private var answer = Answer()
  private var choice = Answer.Choice()
  private var calls: [Int: Call] = [:]
  private var failure: Failure?
  private var isWhole = false

  /// - Parameter limit: the largest stream, in bytes.
  init(limit: Int) {
    self.limit = limit
    decoder = EventStreamDecoder(limit: limit)
  }

  /// Reads a stream to its end.
  /// - Throws: What the stream throws, ``ConnectorError/answerTooLarge``, or ``ConnectorError/badAnswer(reason:)``.
  static func collect(_ stream: PeerStream, limit: Int) async throws -> PeerAnswer {
    var collection = ChatCollection(limit: limit)
    for try await piece in stream { try collection.feed(piece) }
    return try collection.finish()
  }

  mutating func feed(_ bytes: [UInt8]) throws(ConnectorError) {
    count += bytes.count
    guard count <= limit else { throw .answerTooLarge }
    let events: [[UInt8]]
    do { events = try decoder.feed(bytes) } catch { throw .answerTooLarge }
    for event in events where !isWhole {
      if event.elementsEqual("[DONE]".utf8) {
        isWhole = true
      } else if let chunk = try? JSONDecoder().decode(Chunk.self, from: Data(event)) {
        add(chunk)
      } else {
        throw .badAnswer(reason: "a piece of it is no part of a chat completion")
      }
    }
  }

  /// The answer, or what the peer said in its place.
  /// - Throws: ``ConnectorError/badAnswer(reason:)`` for one that is not whole.
  func finish() throws(ConnectorError) -> PeerAnswer {
    guard isWhole else { throw .badAnswer(reason: "it has no end") }
    if let failure {
      return ProxyFailure(failure.message ?? "", type: failure.type ?? "internal_error").answer
    }
    var (answer, choice) = (answer, choice)
    choice.message.toolCalls = calls.isEmpty ? nil : calls.sorted { $0.key < $1.key }.map(\.value)
    if choice.message.content == nil, calls.isEmpty { choice.message.content = "" }
    answer.choices = [choice]
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let body = try? encoder.encode(answer) else { throw .badAnswer(reason: "it has no text") }
    return PeerAnswer(status: 200, contentType: "application/json; charset=utf-8", body: [UInt8](body))
  }

  private mutating func add(_ chunk: Chunk) {
    failure = failure ?? chunk.error
    if answer.id.isEmpty, let id = chunk.id { answer.id = id }
    if answer.created == 0 { answer.created = chunk.created ?? 0 }
    if answer.model.isEmpty { answer.model = chunk.model ?? "" }
    answer.usage = chunk.usage ?? answer.usage
    guard let said = chunk.choices?.first else { return }
    choice.finishReason = said.finishReason ?? choice.finishReason
    guard let delta = said.delta else { return }
    if let text = delta.content { choice.message.content = (choice.message.content ?? "") + text }
    if let text = delta.reasoning { choice.message.reasoning = (choice.message.reasoning ?? "") + text }
    for call in delta.toolCalls ?? [] {
      let index = call.index ?? calls.count
      calls[index] = calls[index].map { $0.followed(by: call) } ?? call
    }
    if choice.message.content?.isEmpty == true, !calls.isEmpty { choice.message.content = nil }
  }
}

// MARK: - On the wire

/// One event of a stream.
private struct Chunk: Decodable {
  struct Choice: Decodable {
    var delta: Delta?
    var finishReason: String?

    enum CodingKeys: String, CodingKey {
      case delta
      case finishReason = "finish_reason"
    }
  }

  struct Delta: Decodable {
    var content: String?
    var reasoning: String?
    var toolCalls: [Call]?

    enum CodingKeys: String, CodingKey {
      case content
      case reasoning = "reasoning_content"
      case toolCalls = "tool_calls"
    }
  }

  var id: String?
  var created: Int64?
  var model: String?
  var choices: [Choice]?
  var usage: Usage?
  var error: Failure?
}

private struct Failure: Decodable {
  var message: String?
  var type: String?
}

private struct Usage: Codable {
  let promptTokens: Int
  let completionTokens: Int
  let totalTokens: Int

  enum CodingKeys: String, CodingKey {
    case promptTokens = "prompt_tokens"
    case completionTokens = "completion_tokens"
    case totalTokens = "total_tokens"
  }
}

/// A call of a tool, or a piece of one.
private struct Call: Codable {
  struct Function: Codable {
    var name: String?
    var arguments: String?
  }

  var index: Int?
  var id: String?
  var type: String?
  var function: Function?

  func followed(by more: Call) -> Call {
    var whole = self
    whole.id = whole.id ?? more.id
    whole.type = whole.type ?? more.type
    if let function = more.function {
      whole.function = Function(
        name: whole.function?.name ?? function.name,
        arguments: (whole.function?.arguments ?? "") + (function.arguments ?? ""))
    }
    return whole
  }
}

/// The answer in one piece.
private struct Answer: Encodable {
  struct Choice: Encodable {
    var index = 0
    var message = Message()
    var finishReason = "stop"

    enum CodingKeys: String, CodingKey {
      case index, message
      case finishReason = "finish_reason"
    }
  }

  struct Message: Encodable {
    var role = "assistant"
    var content: String?
    var reasoning: String?
    var toolCalls: [Call]?

    enum CodingKeys: String, CodingKey {
      case role, content
      case reasoning = "reasoning_content"
      case toolCalls = "tool_calls"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(role, forKey: .role)
      // Programs expect the member, also where there is none.
      try container.encode(content, forKey: .content)
      try container.encodeIfPresent(reasoning, forKey: .reasoning)
      try container.encodeIfPresent(toolCalls, forKey: .toolCalls)
    }
  }

  var id = ""
  var object = "chat.completion"
  var created: Int64 = 0
  var model = ""
  var choices: [Choice] = []
  var usage: Usage?
}
