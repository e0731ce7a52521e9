import Foundation

/// A question in the shape of Ollama's API: a conversation for `/api/chat`, one text for `/api/generate`. (spec/02, C16)
///
/// What is asked is the same as in OpenAI's shape, which ``chat`` has. Unknown members are ignored, as are those that
/// tell Ollama how to run a model; those that would change what is asked, and cannot be followed, are refused.
public struct OllamaRequest: Hashable, Sendable {
  /// The two routes, without their prefix.
  public enum Route: String, Hashable, Sendable {
    case chat = "/chat"
    case generate = "/generate"
  }

  public let route: Route
  /// The model; empty for the default one.
  public let model: String
  /// Whether the answer comes in lines; so it does where nothing is said.
  public let streams: Bool
  /// Whether the answer tells what the model said to itself.
  public let showsThinking: Bool
  /// What is asked; nil where there is nothing to answer, and the model is only to be made ready.
  public let chat: ChatRequest?

  /// Reads the body of a request.
  /// - Throws: `InferenceError.invalidRequest`.
  public init(parsing body: [UInt8], _ route: Route) throws(InferenceError) {
    let (common, messages): (OllamaBody, [ChatMessage])
    do {
      common = try JSONText.decode(OllamaBody.self, from: body)
      messages =
        switch route {
        case .chat: try OllamaMessages(JSONText.decode(OllamaConversation.self, from: body).messages).all
        case .generate: try JSONText.decode(OllamaPrompt.self, from: body).messages()
        }
    } catch let error as InferenceError {
      throw error
    } catch {
      throw .invalidRequest("Invalid request format")
    }
    self.route = route
    model = common.model ?? ""
    streams = common.stream ?? true
    showsThinking = common.think?.isWanted ?? true
    guard !messages.isEmpty else {
      chat = nil
      return
    }
    var chat = ChatRequest(model: model, messages: messages)
    common.options?.apply(to: &chat)
    chat.tools = route == .chat ? common.tools.flatMap { $0.isEmpty ? nil : $0 } : nil
    chat.responseFormat = try Self.responseFormat(common.format)
    chat.enableThinking = common.think?.isWanted
    chat.reasoningEffort = common.think?.effort
    try chat.validate()
    self.chat = chat
  }

  /// `"json"`, or a JSON schema, as llama.cpp's server and OpenAI's shape have it.
  private static func responseFormat(_ format: JSONValue?) throws(InferenceError) -> JSONValue? {
    switch format {
    case nil, .null, "": nil
    case "json": ["type": "json_object"]
    case .object(let schema): ["type": "json_object", "schema": .object(schema)]
    default: throw .invalidRequest("format must be \"json\" or a JSON schema.")
    }
  }
}

// MARK: - On the wire

/// What both routes have.
private struct OllamaBody: Decodable {
  var model: String?
  var stream: Bool?
  var think: OllamaThinking?
  var format: JSONValue?
  var tools: [JSONValue]?
  var options: OllamaOptions?
}

/// `true`, `false`, or how much.
private enum OllamaThinking: Decodable {
  case wanted(Bool)
  case effort(String)

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let isWanted = try? container.decode(Bool.self) {
      self = .wanted(isWanted)
      return
    }
    let effort = try container.decode(String.self)
    guard ["low", "medium", "high"].contains(effort) else {
      throw InferenceError.invalidRequest("think must be a boolean, \"low\", \"medium\" or \"high\".")
    }
    self = .effort(effort)
  }

  var isWanted: Bool {
    if case .wanted(let isWanted) = self { isWanted } else { true }
  }

  var effort: String? {
    if case .effort(let effort) = self { effort } else { nil }
  }
}

/// Those options that say what to answer. How to run a model (`num_ctx`, `num_gpu`, …) is its server's to know.
private struct OllamaOptions: Decodable {
  var numPredict: Int?
  var temperature: Double?
  var topP: Double?
  var topK: Int?
  var seed: Int64?
  var frequencyPenalty: Double?
  var presencePenalty: Double?
  var stop: [String]?

  enum CodingKeys: String, CodingKey {
    case temperature, seed, stop
    case numPredict = "num_predict"
    case topP = "top_p"
    case topK = "top_k"
    case frequencyPenalty = "frequency_penalty"
    case presencePenalty = "presence_penalty"
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    numPredict = try container.decodeIfPresent(Int.self, forKey: .numPredict)
    temperature = try container.decodeIfPresent(Double.self, forKey: .temperature)
    topP = try container.decodeIfPresent(Double.self, forKey: .topP)
    topK = try container.decodeIfPresent(Int.self, forKey: .topK)
    seed = try container.decodeIfPresent(Int64.self, forKey: .seed)
    frequencyPenalty = try container.decodeIfPresent(Double.self, forKey: .frequencyPenalty)
    presencePenalty = try container.decodeIfPresent(Double.self, forKey: .presencePenalty)
    if let one = try? container.decodeIfPresent(String.self, forKey: .stop) {
      stop = [one]
    } else {
      stop = try container.decodeIfPresent([String].self, forKey: .stop)
    }
  }

  func apply(to chat: inout ChatRequest) {
    // What is below one means: as many as it takes.
    chat.maxTokens = numPredict.flatMap { $0 > 0 ? $0 : nil }
    chat.temperature = temperature
    chat.topP = topP
    chat.topK = topK
    chat.seed = seed
    chat.frequencyPenalty = frequencyPenalty
    chat.presencePenalty = presencePenalty
    chat.stop = stop.flatMap { $0.isEmpty ? nil : $0 }
  }
}
