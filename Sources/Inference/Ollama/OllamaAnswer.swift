public import Foundation

/// Writes a model's answer as Ollama does: a line of JSON for each piece and a last one with `"done":true`, or all of it
/// as one object. (spec/02, C16)
///
/// Calls of tools come whole, in a line of their own before the last. The last line tells how long the answer took, and
/// what it cost where the model's server says so; a time that is not known is left out.
public struct OllamaAnswer: Sendable {
  private let route: OllamaRequest.Route
  private let model: String
  private let streams: Bool
  private let showsThinking: Bool
  private let began: Date
  private let elapsed: @Sendable () -> Duration

  /// Everything, or where the answer streams, everything but its text.
  private var assembly = ChatAssembly()
  private var firstPiece: Duration?

  /// - Parameters:
  ///   - model: what the answer says it is of.
  ///   - began: when it was asked for.
  ///   - elapsed: how long ago that is.
  public init(
    to request: OllamaRequest, model: String, began: Date = Date(),
    elapsed: @escaping @Sendable () -> Duration = OllamaAnswer.stopwatch()
  ) {
    route = request.route
    streams = request.streams
    showsThinking = request.showsThinking
    self.model = model
    self.began = began
    self.elapsed = elapsed
  }

  /// Tells the time since it was made.
  public static func stopwatch() -> @Sendable () -> Duration {
    let start = ContinuousClock.now
    return { start.duration(to: .now) }
  }

  /// Takes the next piece of the answer.
  /// - Returns: The line to send for it; empty where there is nothing to send.
  public mutating func add(_ chunk: ChatChunk) -> [UInt8] {
    let text = chunk.delta?.content ?? ""
    let thinking = showsThinking ? chunk.delta?.reasoningContent ?? "" : ""
    if firstPiece == nil, !text.isEmpty || !thinking.isEmpty { firstPiece = elapsed() }
    var chunk = chunk
    if streams, !chunk.choices.isEmpty {
      chunk.choices[0].delta.content = nil
      chunk.choices[0].delta.reasoningContent = nil
    }
    assembly.add(chunk)
    guard streams, !text.isEmpty || !thinking.isEmpty else { return [] }
    return encoded(line(text, thinking))
  }

  /// A line that says nothing, for while the model does not.
  public var quietLine: [UInt8] { encoded(line("", "")) }

  /// The end of the answer, or all of it where it does not stream.
  /// - Throws: `InferenceError.badAnswer` for a call of a tool whose arguments are not to be understood.
  public mutating func end() throws(InferenceError) -> [UInt8] {
    let calls = try route == .chat ? assembly.toolCalls.map(OllamaLine.Call.init) : []
    var bytes: [UInt8] = []
    if streams, !calls.isEmpty {
      var called = line("", "")
      called.message?.toolCalls = calls
      bytes += encoded(called)
    }
    var last = line(streams ? "" : assembly.content, streams || !showsThinking ? "" : assembly.reasoning)
    if !streams, !calls.isEmpty { last.message?.toolCalls = calls }
    last.done = true
    last.doneReason = assembly.finishReason == "length" ? "length" : "stop"
    let total = elapsed()
    last.totalDuration = Self.nanoseconds(total)
    last.promptEvalCount = assembly.usage?.promptTokens
    last.evalCount = assembly.usage?.completionTokens
    if let firstPiece, total > firstPiece { last.evalDuration = Self.nanoseconds(total - firstPiece) }
    return bytes + encoded(last)
  }

  /// The answer where nothing was asked but that the model be ready.
  public var ready: [UInt8] {
    var last = line("", "")
    last.done = true
    last.doneReason = "load"
    return encoded(last)
  }

  private func line(_ text: String, _ thinking: String) -> OllamaLine {
    let date = began.addingTimeInterval(elapsed() / .seconds(1))
    var line = OllamaLine(
      model: model, createdAt: date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    let thinking = thinking.isEmpty ? nil : thinking
    switch route {
    case .chat: line.message = OllamaLine.Message(content: text, thinking: thinking)
    case .generate: (line.response, line.thinking) = (text, thinking)
    }
    return line
  }

  private func encoded(_ line: OllamaLine) -> [UInt8] {
    // Strings and numbers encode; the fallback is for the compiler.
    let object = (try? JSONText.bytes(line)).map { [UInt8]($0) } ?? Array("{}".utf8)
    return streams ? object + [UInt8(ascii: "\n")] : object
  }

  private static func nanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }
}

/// One line of an answer.
private struct OllamaLine: Encodable {
  struct Message: Encodable {
    var role = "assistant"
    var content: String
    var thinking: String?
    var toolCalls: [Call]?

    enum CodingKeys: String, CodingKey {
      case role, content, thinking
      case toolCalls = "tool_calls"
    }
  }

  /// A call of a tool; its arguments are an object, and not text as OpenAI has them.
  struct Call: Encodable {
    struct Function: Encodable {
      let name: String
      let arguments: JSONValue
    }
    let function: Function

    init(_ call: ToolCall) throws(InferenceError) {
      let text = call.arguments.flatMap { $0.isEmpty ? nil : $0 } ?? "{}"
      guard let name = call.name,
        let arguments = try? JSONText.decode(JSONValue.self, from: Array(text.utf8)),
        case .object = arguments
      else {
        throw .badAnswer(
          provider: "The model", reason: "it calls a tool with arguments that are no JSON object")
      }
      function = Function(name: name, arguments: arguments)
    }
  }

  let model: String
  let createdAt: String
  var message: Message?
  var response: String?
  var thinking: String?
  var done = false
  var doneReason: String?
  var totalDuration: Int64?
  var promptEvalCount: Int?
  var evalCount: Int?
  var evalDuration: Int64?

  enum CodingKeys: String, CodingKey {
    case model, message, response, thinking, done
    case createdAt = "created_at"
    case doneReason = "done_reason"
    case totalDuration = "total_duration"
    case promptEvalCount = "prompt_eval_count"
    case evalCount = "eval_count"
    case evalDuration = "eval_duration"
  }

  init(model: String, createdAt: String) {
    self.model = model
    self.createdAt = createdAt
  }
}
