/// One message of a conversation, in OpenAI's shape.
public struct ChatMessage: Codable, Sendable, Hashable {
  /// Who says it: `system`, `developer`, `user`, `assistant` or `tool`.
  public var role: String
  /// What it says; `nil` for an assistant that only calls tools.
  public var content: MessageContent?
  /// What a model that reasons said to itself.
  public var reasoningContent: String?
  /// The tools an assistant calls.
  public var toolCalls: [ToolCall]?
  /// Which call a `tool` message answers.
  public var toolCallID: String?
  /// The name of the speaker or tool.
  public var name: String?

  enum CodingKeys: String, CodingKey {
    case role, content, name
    case reasoningContent = "reasoning_content"
    case toolCalls = "tool_calls"
    case toolCallID = "tool_call_id"
  }

  public init(
    role: String, content: MessageContent?, reasoningContent: String? = nil, toolCalls: [ToolCall]? = nil,
    toolCallID: String? = nil, name: String? = nil
  ) {
    self.role = role
    self.content = content
    self.reasoningContent = reasoningContent
    self.toolCalls = toolCalls
    self.toolCallID = toolCallID
    self.name = name
  }

  /// A system message.
  public static func system(_ text: String) -> ChatMessage {
    ChatMessage(role: "system", content: .text(text))
  }
  /// A user's message.
  public static func user(_ text: String) -> ChatMessage { ChatMessage(role: "user", content: .text(text)) }
  /// An assistant's message.
  public static func assistant(_ text: String) -> ChatMessage {
    ChatMessage(role: "assistant", content: .text(text))
  }
}

/// The content of a message: plain text, or a list of parts (text, images, audio, video).
public enum MessageContent: Codable, Sendable, Hashable {
  case text(String)
  case parts([ContentPart])

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let text = try? container.decode(String.self) {
      self = .text(text)
    } else {
      self = .parts(try container.decode([ContentPart].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .parts(let parts): try container.encode(parts)
    }
  }

  /// The text of it: the text parts joined, everything else left out.
  public var text: String {
    switch self {
    case .text(let text): text
    case .parts(let parts): parts.compactMap(\.text).joined()
    }
  }

  /// The content for a server: a string where there is nothing but text (servers without vision read nothing
  /// else), the parts as they came otherwise, `input_text` renamed to the `text` that servers know.
  var forServer: MessageContent {
    guard case .parts(let parts) = self else { return self }
    if parts.allSatisfy({ $0.text != nil }) { return .text(text) }
    return .parts(parts.map { part in part.text.map(ContentPart.init(text:)) ?? part })
  }
}

/// One part of a message, kept as the JSON object it came as: `text`, `input_text`, `image_url`, `input_audio`,
/// `video_url`.
public struct ContentPart: Codable, Sendable, Hashable {
  /// The whole object.
  public var value: JSONValue

  public init(_ value: JSONValue) { self.value = value }

  /// A text part.
  public init(text: String) { self.value = ["type": "text", "text": .string(text)] }

  public init(from decoder: any Decoder) throws {
    value = try JSONValue(from: decoder)
    guard case .object = value, value["type"]?.string != nil else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "a content part is an object with a type"))
    }
  }

  public func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }

  /// The kind of part.
  public var type: String { value["type"]?.string ?? "" }

  /// The text of a `text` or `input_text` part.
  public var text: String? {
    type == "text" || type == "input_text" ? value["text"]?.string : nil
  }
}
