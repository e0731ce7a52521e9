import Foundation

/// The body of `/api/chat`, as far as it is a conversation.
struct OllamaConversation: Decodable {
  var messages: [OllamaMessage]?
}

/// The body of `/api/generate`, as far as it is a question.
struct OllamaPrompt: Decodable {
  var prompt: String?
  var system: String?
  var images: [String]?
  var suffix: String?
  var template: String?
  var raw: Bool?

  /// - Throws: `InferenceError.invalidRequest` for what cannot be asked of a model that is spoken with.
  func messages() throws(InferenceError) -> [ChatMessage] {
    guard (suffix ?? "").isEmpty, (template ?? "").isEmpty, raw != true else {
      throw .invalidRequest("suffix, template and raw are not supported; ask without them.")
    }
    let content = try OllamaImages.content(prompt ?? "", images)
    guard content != .text("") else { return [] }
    let question = ChatMessage(role: "user", content: content)
    return (system ?? "").isEmpty ? [question] : [.system(system ?? ""), question]
  }
}

/// One message of a conversation, in Ollama's shape: images beside the text, and calls of tools that need no identifiers.
struct OllamaMessage: Decodable {
  var role: String
  var content: String?
  var thinking: String?
  var images: [String]?
  var toolCalls: [ToolCall]?
  var toolName: String?
  var toolCallID: String?

  enum CodingKeys: String, CodingKey {
    case role, content, thinking, images
    case toolCalls = "tool_calls"
    case toolName = "tool_name"
    case toolCallID = "tool_call_id"
  }
}

/// A conversation in OpenAI's shape, where every call of a tool has an identifier and every answer to one names it.
///
/// Calls without one are numbered. An answer that names no call answers the first one to its tool that has no answer yet,
/// or, where it names no tool either, the first of all.
struct OllamaMessages {
  private(set) var all: [ChatMessage] = []
  private var open: [(id: String, name: String?)] = []
  private var calls = 0

  /// - Throws: `InferenceError.invalidRequest`.
  init(_ messages: [OllamaMessage]?) throws(InferenceError) {
    for message in messages ?? [] { try add(message) }
  }

  private mutating func add(_ message: OllamaMessage) throws(InferenceError) {
    guard ["system", "user", "assistant", "tool"].contains(message.role) else {
      throw .invalidRequest("A message's role must be system, user, assistant or tool.")
    }
    var told = ChatMessage(
      role: message.role, content: try OllamaImages.content(message.content ?? "", message.images))
    if message.role == "assistant" {
      told.reasoningContent = message.thinking.flatMap { $0.isEmpty ? nil : $0 }
      let calls = (message.toolCalls ?? []).map { numbered($0) }
      told.toolCalls = calls.isEmpty ? nil : calls
      if !calls.isEmpty, told.content == .text("") { told.content = nil }
    } else if message.role == "tool" {
      told.toolCallID = answered(by: message)
      told.name = message.toolName
    }
    all.append(told)
  }

  private mutating func numbered(_ call: ToolCall) -> ToolCall {
    var call = call
    calls += 1
    call.index = nil
    call.id = call.id.flatMap { $0.isEmpty ? nil : $0 } ?? "call_\(calls)"
    call.type = call.type ?? "function"
    call.arguments = call.arguments ?? "{}"
    open.append((call.id ?? "", call.name))
    return call
  }

  private mutating func answered(by message: OllamaMessage) -> String {
    if let id = message.toolCallID, !id.isEmpty {
      open.removeAll { $0.id == id }
      return id
    }
    let place =
      open.firstIndex { message.toolName != nil && $0.name == message.toolName } ?? open.indices.first
    return place.map { open.remove(at: $0).id } ?? "call_0"
  }
}

/// Pictures as Ollama's clients send them: their bytes in base64, and nothing that says what they are.
enum OllamaImages {
  /// A text with the pictures after it.
  /// - Throws: `InferenceError.invalidRequest`.
  static func content(_ text: String, _ images: [String]?) throws(InferenceError) -> MessageContent {
    guard let images, !images.isEmpty else { return .text(text) }
    var parts = text.isEmpty ? [] : [ContentPart(text: text)]
    for image in images {
      guard let bytes = Data(base64Encoded: image), let type = type(of: bytes) else {
        throw .invalidRequest("Every entry of images must be a PNG, JPEG, GIF or WebP in base64.")
      }
      parts.append(
        ContentPart([
          "type": "image_url", "image_url": ["url": .string("data:\(type);base64,\(image)")],
        ]))
    }
    return .parts(parts)
  }

  private static func type(of bytes: Data) -> String? {
    if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47]) { return "image/png" }
    if bytes.starts(with: [0xff, 0xd8, 0xff]) { return "image/jpeg" }
    if bytes.starts(with: Array("GIF8".utf8)) { return "image/gif" }
    if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
      return "image/webp"
    }
    return nil
  }
}
