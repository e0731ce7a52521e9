import ForeignText
import Foundation

/// What an error answer says, in any of the shapes that hosts use: `{"error":{"code"?,"message","type"}}` and
/// `{"error":"<code>","message"?}`. (spec/02, C14)
struct Refusal: Hashable, Sendable {
  let status: Int
  /// A word for programs.
  let code: String?
  /// One line for people; empty where there is none.
  let message: String

  /// - Parameter redact: takes out of the message what must not be shown.
  init(status: Int, body: [UInt8], redact: (String) -> String = { $0 }) {
    let content = try? JSONDecoder().decode(Content.self, from: Data(body))
    self.status = status
    code = content?.code.map { ForeignText.oneLine($0, limit: 100) }
    message = ForeignText.oneLine(redact(content?.message ?? ""), limit: 500)
  }

  private struct Content: Decodable {
    var code: String?
    var message: String?

    enum CodingKeys: String, CodingKey { case error, message, code }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      if let text = try? container.decode(String.self, forKey: .error) {
        message = try? container.decodeIfPresent(String.self, forKey: .message)
        if message == nil, text.contains(" ") { message = text } else { code = text }
      } else {
        let detail = try container.nestedContainer(keyedBy: CodingKeys.self, forKey: .error)
        code = try? detail.decodeIfPresent(String.self, forKey: .code)
        message = try? detail.decodeIfPresent(String.self, forKey: .message)
      }
    }
  }
}
