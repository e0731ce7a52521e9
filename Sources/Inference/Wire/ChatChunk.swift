/// A piece of a streamed answer: OpenAI's `chat.completion.chunk`.
public struct ChatChunk: Codable, Sendable, Hashable {
  public var id: String
  public var object: String
  /// Seconds since 1970.
  public var created: Int64
  public var model: String
  public var choices: [Choice]
  /// What the whole answer cost; in the last chunk at most.
  public var usage: Usage?

  /// One answer of those asked for; this host asks for one.
  public struct Choice: Codable, Sendable, Hashable {
    public var index: Int
    public var delta: Delta
    /// Why the answer ends: `stop`, `length`, `tool_calls`; absent until it does.
    public var finishReason: String?

    enum CodingKeys: String, CodingKey {
      case index, delta
      case finishReason = "finish_reason"
    }

    public init(index: Int = 0, delta: Delta, finishReason: String? = nil) {
      self.index = index
      self.delta = delta
      self.finishReason = finishReason
    }

    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      index = try container.decodeIfPresent(Int.self, forKey: .index) ?? 0
      delta = try container.decodeIfPresent(Delta.self, forKey: .delta) ?? Delta()
      finishReason = try container.decodeIfPresent(String.self, forKey: .finishReason)
    }
  }

  /// What is new since the chunk before.
  public struct Delta: Codable, Sendable, Hashable {
    public var role: String?
    public var content: String?
    public var reasoningContent: String?
    public var toolCalls: [ToolCall]?

    enum CodingKeys: String, CodingKey {
      case role, content, reasoning
      case reasoningContent = "reasoning_content"
      case toolCalls = "tool_calls"
    }

    public init(
      role: String? = nil, content: String? = nil, reasoningContent: String? = nil,
      toolCalls: [ToolCall]? = nil
    ) {
      self.role = role
      self.content = content
      self.reasoningContent = reasoningContent
      self.toolCalls = toolCalls
    }

    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      role = try container.decodeIfPresent(String.self, forKey: .role)
      content = try container.decodeIfPresent(String.self, forKey: .content)
      // vLLM and Ollama call it `reasoning`.
      reasoningContent =
        try container.decodeIfPresent(String.self, forKey: .reasoningContent)
        ?? (try? container.decodeIfPresent(String.self, forKey: .reasoning))
      toolCalls = try container.decodeIfPresent([ToolCall].self, forKey: .toolCalls)
    }

    public func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encodeIfPresent(role, forKey: .role)
      try container.encodeIfPresent(content, forKey: .content)
      try container.encodeIfPresent(reasoningContent, forKey: .reasoningContent)
      try container.encodeIfPresent(toolCalls, forKey: .toolCalls)
    }
  }

  public init(id: String, created: Int64, model: String, choices: [Choice], usage: Usage? = nil) {
    self.id = id
    self.object = "chat.completion.chunk"
    self.created = created
    self.model = model
    self.choices = choices
    self.usage = usage
  }

  /// A chunk of one choice.
  public init(id: String, created: Int64, model: String, delta: Delta, finishReason: String? = nil) {
    self.init(
      id: id, created: created, model: model, choices: [Choice(delta: delta, finishReason: finishReason)])
  }

  enum CodingKeys: String, CodingKey { case id, object, created, model, choices, usage }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    id = try container.decodeIfPresent(String.self, forKey: .id) ?? ""
    object = "chat.completion.chunk"
    created = (try? container.decodeIfPresent(Int64.self, forKey: .created)) ?? 0
    model = try container.decodeIfPresent(String.self, forKey: .model) ?? ""
    choices = try container.decodeIfPresent([Choice].self, forKey: .choices) ?? []
    usage = try container.decodeIfPresent(Usage.self, forKey: .usage)
  }
}

extension ChatChunk {
  /// What is new in the first choice.
  public var delta: Delta? { choices.first?.delta }

  /// Why the answer ends, in the chunk that says so.
  public var finishReason: String? { choices.first?.finishReason }
}

/// What an answer cost.
public struct Usage: Codable, Sendable, Hashable {
  public var promptTokens: Int
  public var completionTokens: Int
  public var totalTokens: Int
  public var tokensPerSecond: Double?

  enum CodingKeys: String, CodingKey {
    case promptTokens = "prompt_tokens"
    case completionTokens = "completion_tokens"
    case totalTokens = "total_tokens"
    case tokensPerSecond = "tokens_per_second"
  }

  public init(promptTokens: Int, completionTokens: Int, tokensPerSecond: Double? = nil) {
    self.promptTokens = promptTokens
    self.completionTokens = completionTokens
    self.totalTokens = promptTokens + completionTokens
    self.tokensPerSecond = tokensPerSecond
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    promptTokens = try container.decodeIfPresent(Int.self, forKey: .promptTokens) ?? 0
    completionTokens = try container.decodeIfPresent(Int.self, forKey: .completionTokens) ?? 0
    totalTokens =
      try container.decodeIfPresent(Int.self, forKey: .totalTokens)
      ?? promptTokens.addingReportingOverflow(completionTokens).partialValue
    tokensPerSecond = try container.decodeIfPresent(Double.self, forKey: .tokensPerSecond)
  }
}
