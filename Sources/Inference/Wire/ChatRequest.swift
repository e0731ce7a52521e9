/// A request for a chat completion, in OpenAI's shape (spec C16). Unknown members are ignored; absent members
/// stay absent.
public struct ChatRequest: Codable, Sendable, Hashable {
  /// The model; `""` and `default` mean the default one.
  public var model: String
  public var messages: [ChatMessage]
  public var temperature: Double?
  public var maxTokens: Int?
  public var maxCompletionTokens: Int?
  public var stream: Bool?
  public var topP: Double?
  public var topK: Int?
  public var frequencyPenalty: Double?
  public var presencePenalty: Double?
  /// Texts that end the answer. A single string is read as a list of one.
  public var stop: [String]?
  public var n: Int?
  /// The tools on offer, as they came.
  public var tools: [JSONValue]?
  /// `auto`, `none`, `required` or an object that names a function, as it came.
  public var toolChoice: JSONValue?
  /// The conversation to continue. It stays on this host.
  public var sessionID: String?
  public var seed: Int64?
  /// The shape of the answer, as it came; `type` is `text` or `json_object`.
  public var responseFormat: JSONValue?
  public var streamOptions: StreamOptions?
  public var enableThinking: Bool?
  public var reasoningEffort: String?

  /// What a stream carries besides the answer.
  public struct StreamOptions: Codable, Sendable, Hashable {
    public var includeUsage: Bool?
    enum CodingKeys: String, CodingKey { case includeUsage = "include_usage" }
    public init(includeUsage: Bool?) { self.includeUsage = includeUsage }
  }

  enum CodingKeys: String, CodingKey {
    case model, messages, temperature, stream, stop, n, tools, seed
    case maxTokens = "max_tokens"
    case maxCompletionTokens = "max_completion_tokens"
    case topP = "top_p"
    case topK = "top_k"
    case frequencyPenalty = "frequency_penalty"
    case presencePenalty = "presence_penalty"
    case toolChoice = "tool_choice"
    case sessionID = "session_id"
    case responseFormat = "response_format"
    case streamOptions = "stream_options"
    case enableThinking = "enable_thinking"
    case reasoningEffort = "reasoning_effort"
  }

  public init(model: String, messages: [ChatMessage]) {
    self.model = model
    self.messages = messages
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func value<T: Decodable>(_ key: CodingKeys) throws -> T? {
      try container.decodeIfPresent(T.self, forKey: key)
    }
    model = try value(.model) ?? ""
    messages = try container.decode([ChatMessage].self, forKey: .messages)
    temperature = try value(.temperature)
    maxTokens = try value(.maxTokens)
    maxCompletionTokens = try value(.maxCompletionTokens)
    stream = try value(.stream)
    topP = try value(.topP)
    topK = try value(.topK)
    frequencyPenalty = try value(.frequencyPenalty)
    presencePenalty = try value(.presencePenalty)
    if let one = try? container.decodeIfPresent(String.self, forKey: .stop) {
      stop = [one]
    } else {
      stop = try value(.stop)
    }
    n = try value(.n)
    tools = try value(.tools)
    toolChoice = try value(.toolChoice)
    sessionID = try value(.sessionID)
    seed = try value(.seed)
    responseFormat = try value(.responseFormat)
    streamOptions = try value(.streamOptions)
    enableThinking = try value(.enableThinking)
    reasoningEffort = try value(.reasoningEffort)
  }
}

extension ChatRequest {
  /// Whether the request asks for the default model.
  public var wantsDefaultModel: Bool { model.isEmpty || model == "default" }

  /// Refuses what no route can answer.
  ///
  /// - Throws: `InferenceError.invalidRequest`, which is a `400` on the wire.
  public func validate() throws(InferenceError) {
    if let n, n != 1 { throw .invalidRequest("Only n = 1 is supported.") }
    if let responseFormat, responseFormat != .null {
      let type = responseFormat["type"]?.string
      guard type == "text" || type == "json_object" else {
        throw .invalidRequest("response_format.type must be 'text' or 'json_object'.")
      }
    }
    if messages.isEmpty { throw .invalidRequest("messages must not be empty.") }
    if let tools {
      for tool in tools {
        guard tool["type"]?.string != nil else {
          throw .invalidRequest("Every entry of tools must be an object with a type.")
        }
      }
    }
    switch toolChoice {
    case nil, .null, "auto", "none", "required": break
    case .object(let choice) where choice["type"] != nil: break
    default: throw .invalidRequest("tool_choice must be 'auto', 'none', 'required' or name a function.")
    }
  }

  /// The request as a model server gets it: what concerns only this host is left out, `n` is left to the
  /// server's default, and messages that are nothing but text are text.
  func forServer(model: String, streaming: Bool, isLocal: Bool) -> UpstreamChatRequest {
    var request = self
    request.model = model
    request.sessionID = nil
    request.n = nil
    request.stream = streaming
    request.streamOptions = streaming ? StreamOptions(includeUsage: true) : nil
    request.enableThinking = nil
    for index in request.messages.indices {
      request.messages[index].content = request.messages[index].content?.forServer
    }
    // Hosted servers refuse members that they do not know; local ones take this from llama.cpp and vLLM.
    let thinking = isLocal ? enableThinking : nil
    return UpstreamChatRequest(
      request: request, templateArguments: thinking.map { ["enable_thinking": .bool($0)] })
  }
}

/// A chat request on its way to a model server.
struct UpstreamChatRequest: Encodable {
  var request: ChatRequest
  var templateArguments: JSONValue?

  enum CodingKeys: String, CodingKey { case templateArguments = "chat_template_kwargs" }

  func encode(to encoder: any Encoder) throws {
    try request.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(templateArguments, forKey: .templateArguments)
  }
}
