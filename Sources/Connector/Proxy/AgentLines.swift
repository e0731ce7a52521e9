import Foundation
import Inference
import SecureChannel

/// What an agent says, which comes as OpenAI's events, in the lines that Ollama's clients read, or as one object.
/// (spec/02, C11 and C16)
struct AgentLines: StreamTranslation {
  private var decoder: EventStreamDecoder
  private var answer: OllamaAnswer
  private var isWhole = false
  private(set) var failure: ProxyFailure?

  /// - Parameter limit: the longest event, in bytes.
  init(_ answer: OllamaAnswer, limit: Int) {
    self.answer = answer
    decoder = EventStreamDecoder(limit: limit)
  }

  mutating func feed(_ piece: [UInt8]) throws -> [UInt8] {
    let events: [[UInt8]]
    do { events = try decoder.feed(piece) } catch { throw ConnectorError.answerTooLarge }
    var lines: [UInt8] = []
    for event in events where !isWhole {
      if event.elementsEqual("[DONE]".utf8) {
        isWhole = true
        continue
      }
      switch try? JSONDecoder().decode(AgentEvent.self, from: Data(event)) {
      case .chunk(let chunk): lines += answer.add(chunk)
      case .failure(let failure): self.failure = self.failure ?? failure
      case nil: throw ConnectorError.badAnswer(reason: "a piece of it is no part of a chat completion")
      }
    }
    return lines
  }

  mutating func finish() throws -> [UInt8] {
    guard isWhole else { throw ConnectorError.badAnswer(reason: "it has no end") }
    if let failure { return ProxyFailure.ollamaObject(failure.message) + [UInt8(ascii: "\n")] }
    do throws(InferenceError) {
      return try answer.end()
    } catch {
      throw ConnectorError.badAnswer(reason: "it calls a tool with arguments that are no JSON object")
    }
  }

  /// Reads a stream to its end.
  /// - Parameter limit: the largest stream, in bytes.
  /// - Throws: What the stream throws, or ``ConnectorError``.
  static func collect(_ stream: PeerStream, as answer: OllamaAnswer, limit: Int) async throws -> PeerAnswer {
    var lines = AgentLines(answer, limit: limit)
    var count = 0
    for try await piece in stream {
      count += piece.count
      guard count <= limit else { throw ConnectorError.answerTooLarge }
      _ = try lines.feed(piece)
    }
    let body = try lines.finish()
    return lines.failure?.ollamaAnswer
      ?? PeerAnswer(status: 200, contentType: "application/json; charset=utf-8", body: body)
  }
}

/// One event of an agent's answer.
private enum AgentEvent: Decodable {
  case chunk(ChatChunk)
  case failure(ProxyFailure)

  private enum CodingKeys: String, CodingKey { case error }

  private struct Detail: Decodable {
    var message: String?
    var type: String?
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let detail = try container.decodeIfPresent(Detail.self, forKey: .error) {
      self = .failure(ProxyFailure(detail.message ?? "", type: detail.type ?? "internal_error"))
    } else {
      self = .chunk(try ChatChunk(from: decoder))
    }
  }
}
