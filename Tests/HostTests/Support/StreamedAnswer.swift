import Foundation

/// What the events of a streamed answer say.
struct StreamedAnswer {
  /// Every event but `[DONE]`.
  let chunks: [[String: Any]]
  /// What kind each event is of, in order: `role`, `content`, `reasoning`, `tool_calls`, `finish …`, `usage`, `error`,
  /// `[DONE]`.
  let kinds: [String]

  init(_ text: String) {
    let events = text.components(separatedBy: "\n\n").filter { $0.hasPrefix("data: ") }
    let bodies = events.map { String($0.dropFirst(6)) }
    chunks = bodies.filter { $0 != "[DONE]" }.map { body in
      (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }
    var rest = chunks[...]
    kinds = bodies.map { $0 == "[DONE]" ? $0 : Self.kind(of: rest.removeFirst()) }
  }

  /// The words of the answer.
  var text: String {
    chunks.compactMap { Self.delta(of: $0)?["content"] as? String }.joined()
  }

  /// What an error event says.
  var error: (message: String, type: String)? {
    let detail = chunks.compactMap { $0["error"] as? [String: Any] }.first
    guard let message = detail?["message"] as? String, let type = detail?["type"] as? String else {
      return nil
    }
    return (message, type)
  }

  private static func choice(of chunk: [String: Any]) -> [String: Any]? {
    (chunk["choices"] as? [[String: Any]])?.first
  }

  private static func delta(of chunk: [String: Any]) -> [String: Any]? {
    choice(of: chunk)?["delta"] as? [String: Any]
  }

  private static func kind(of chunk: [String: Any]) -> String {
    if chunk["error"] != nil { return "error" }
    if chunk["usage"] != nil { return "usage" }
    if let reason = choice(of: chunk)?["finish_reason"] as? String { return "finish \(reason)" }
    let delta = delta(of: chunk) ?? [:]
    if delta["role"] != nil { return "role" }
    if delta["tool_calls"] != nil { return "tool_calls" }
    if delta["reasoning_content"] != nil { return "reasoning" }
    return delta["content"] != nil ? "content" : "unknown"
  }
}
