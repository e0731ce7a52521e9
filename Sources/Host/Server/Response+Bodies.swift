import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// `{"error":{"code"?,"message","type"}}`: what the gate, the channel and the inference routes answer.
private struct TypedFailure: Encodable {
  struct Detail: Encodable {
    let code: String?
    let message: String
    let type: String
  }
  let error: Detail
}

/// `{"error":"<code>","message"?}`: what agent, task and owner routes answer, and, without a message, the handshake.
private struct CodedFailure: Encodable {
  let error: String
  let message: String?
}

extension Response {
  /// `value` as JSON: keys in ascending order, slashes as they are, dates as ISO 8601.
  static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    return json(bytes: ByteBuffer(bytes: try encoder.encode(value)), status: status)
  }

  /// JSON that is encoded already.
  static func json(bytes: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json; charset=utf-8"],
      body: ResponseBody(byteBuffer: bytes))
  }

  static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "text/plain; charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  /// `{"error":{"code"?,"message","type"}}`.
  static func failure(
    _ status: HTTPResponse.Status, type: String, code: String? = nil, message: String
  ) -> Response {
    encoded(TypedFailure(error: .init(code: code, message: message, type: type)), status)
  }

  /// `{"error":"<code>","message"?}`.
  static func failure(_ status: HTTPResponse.Status, code: String, message: String? = nil) -> Response {
    encoded(CodedFailure(error: code, message: message), status)
  }

  private static func encoded(_ failure: some Encodable, _ status: HTTPResponse.Status) -> Response {
    // Strings encode; the fallback is for the compiler.
    (try? json(failure, status: status)) ?? Response(status: status)
  }
}

extension HTTPResponse.Status {
  static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
  static let upgradeRequired = HTTPResponse.Status(code: 426, reasonPhrase: "Upgrade Required")
}
