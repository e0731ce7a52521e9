import Foundation

/// What went wrong at the peer, in the words of OpenAI's API: `{"error":{"message","type"}}`. (spec/02, C14)
struct ProxyFailure: Hashable, Sendable {
  let status: Int
  let type: String
  let message: String

  /// An error that came in a stream, which has no status.
  init(_ message: String, type: String) {
    self.message = message.isEmpty ? "The answer failed; no reason was given." : message
    self.type = type
    status =
      switch type {
      case "invalid_request_error": 400
      case "model_not_found", "session_not_found": 404
      case "insufficient_resources", "server_overloaded": 503
      case "storage_full": 507
      default: 500
      }
  }

  /// A refusal that came in the words of another route.
  init(_ answer: PeerAnswer) {
    let refusal = Refusal(status: answer.status, body: answer.body)
    status = answer.status
    type = refusal.code ?? (answer.status < 500 ? "invalid_request_error" : "internal_error")
    message = refusal.message.isEmpty ? "The peer refuses with status \(answer.status)." : refusal.message
  }

  var answer: PeerAnswer {
    let body = ["error": ["message": message, "type": type]]
    return PeerAnswer(
      status: status, contentType: "application/json; charset=utf-8",
      body: [UInt8]((try? JSONEncoder().encode(body)) ?? Data()))
  }
}
