/// A whole answer: OpenAI's `chat.completion`.
public struct ChatCompletion: Codable, Sendable, Hashable {
  public var id: String
  public var object: String
  /// Seconds since 1970.
  public var created: Int64
  public var model: String
  public var choices: [Choice]
  public var usage: Usage?

  /// One answer of those asked for; this host asks for one.
  public struct Choice: Codable, Sendable, Hashable {
    public var index: Int
    public var message: ChatMessage
    /// Why the answer ended: `stop`, `length`, `tool_calls`.
    public var finishReason: String?

    enum CodingKeys: String, CodingKey {
      case index, message
      case finishReason = "finish_reason"
    }

    public init(index: Int = 0, message: ChatMessage, finishReason: String?) {
      self.index = index
      self.message = message
      self.finishReason = finishReason
    }
  }

  enum CodingKeys: String, CodingKey { case id, object, created, model, choices, usage }

  public init(id: String, created: Int64, model: String, choices: [Choice], usage: Usage? = nil) {
    self.id = id
    self.object = "chat.completion"
    self.created = created
    self.model = model
    self.choices = choices
    self.usage = usage
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    id = try container.decodeIfPresent(String.self, forKey: .id) ?? ""
    object = "chat.completion"
    created = (try? container.decodeIfPresent(Int64.self, forKey: .created)) ?? 0
    model = try container.decodeIfPresent(String.self, forKey: .model) ?? ""
    choices = try container.decode([Choice].self, forKey: .choices)
    usage = try container.decodeIfPresent(Usage.self, forKey: .usage)
  }

  /// The whole answer as a stream of one chunk and an end, for servers that do not stream.
  var chunks: [ChatChunk] {
    guard let choice = choices.first else { return [] }
    let calls = choice.message.toolCalls?.enumerated().map { index, call in
      var call = call
      call.index = call.index ?? index
      return call
    }
    let delta = ChatChunk.Delta(
      role: "assistant", content: choice.message.content?.text,
      reasoningContent: choice.message.reasoningContent, toolCalls: calls)
    var end = ChatChunk(
      id: id, created: created, model: model, delta: .init(), finishReason: choice.finishReason ?? "stop")
    end.usage = usage
    return [ChatChunk(id: id, created: created, model: model, delta: delta), end]
  }
}
