/// Puts the chunks of a streamed answer together again.
public struct ChatAssembly: Sendable {
  /// The answer's text so far.
  public private(set) var content = ""
  /// What the model said to itself so far.
  public private(set) var reasoning = ""
  /// The tool calls so far, in the order of their indexes.
  public private(set) var toolCalls: [ToolCall] = []
  /// Why the answer ended; `nil` until it has.
  public private(set) var finishReason: String?
  public private(set) var usage: Usage?

  private var id = ""
  private var created: Int64 = 0
  private var model = ""
  private var positions: [Int: Int] = [:]

  public init() {}

  /// Adds the next chunk.
  public mutating func add(_ chunk: ChatChunk) {
    if id.isEmpty { id = chunk.id }
    if created == 0 { created = chunk.created }
    if model.isEmpty { model = chunk.model }
    if let usage = chunk.usage { self.usage = usage }
    guard let choice = chunk.choices.first else { return }
    if let text = choice.delta.content { content += text }
    if let text = choice.delta.reasoningContent { reasoning += text }
    for piece in choice.delta.toolCalls ?? [] { add(piece) }
    if let reason = choice.finishReason { finishReason = reason }
  }

  private mutating func add(_ piece: ToolCall) {
    let index = piece.index ?? (piece.id == nil ? toolCalls.count - 1 : toolCalls.count)
    guard let position = positions[index] else {
      var call = piece
      call.index = nil
      call.type = call.type ?? "function"
      call.arguments = call.arguments ?? ""
      positions[index] = toolCalls.count
      toolCalls.append(call)
      return
    }
    toolCalls[position].id = toolCalls[position].id ?? piece.id
    toolCalls[position].name = toolCalls[position].name ?? piece.name
    // Grows in place: an answer may come in very many pieces.
    if let more = piece.arguments { toolCalls[position].arguments?.append(more) }
    toolCalls[position].extras.merge(piece.extras) { _, new in new }
  }

  /// The assistant's message so far.
  public var message: ChatMessage {
    ChatMessage(
      role: "assistant", content: content.isEmpty && !toolCalls.isEmpty ? nil : .text(content),
      reasoningContent: reasoning.isEmpty ? nil : reasoning, toolCalls: toolCalls.isEmpty ? nil : toolCalls)
  }

  /// The whole answer.
  public var completion: ChatCompletion {
    ChatCompletion(
      id: id, created: created, model: model,
      choices: [.init(message: message, finishReason: finishReason ?? "stop")], usage: usage)
  }
}
