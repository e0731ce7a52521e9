public import AsyncHTTPClient
import ForeignText
import Foundation
import NIOCore
import NIOHTTP1

/// A server that speaks OpenAI's protocol: llama.cpp, Ollama, LM Studio, vLLM, or a hosted one.
///
/// A key goes only over TLS or to this machine itself, and never follows a redirect. Every answer is asked for as
/// a stream, so that going away stops the generation.
public struct OpenAIProvider: ModelProvider {
  /// How long the server may be silent.
  public struct Patience: Sendable {
    /// Until the first piece of an answer: a large model may have to be loaded first.
    public var firstPiece: Duration
    /// Between two pieces of an answer.
    public var nextPiece: Duration
    /// For the list of models.
    public var list: Duration

    public init(
      firstPiece: Duration = .seconds(300), nextPiece: Duration = .seconds(120), list: Duration = .seconds(10)
    ) {
      self.firstPiece = firstPiece
      self.nextPiece = nextPiece
      self.list = list
    }
  }

  public let name: String
  public let url: ServerURL
  private let key: ProviderKey?
  private let client: HTTPClient
  private let patience: Patience

  /// - Parameters:
  ///   - name: what a person is shown.
  ///   - url: the base URL, with its `/v1`.
  ///   - key: the server's key, if it wants one.
  ///   - client: a client from `HTTPClient.forModels()`.
  /// - Throws: `InferenceError.keyNeedsTLS` when a key would leave this machine in the clear.
  public init(
    name: String, url: ServerURL, key: ProviderKey? = nil, client: HTTPClient, patience: Patience = .init()
  ) throws(InferenceError) {
    if key != nil, !url.isEncrypted, !url.isLoopback { throw .keyNeedsTLS(host: url.host) }
    self.name = name
    self.url = url
    self.key = key
    self.client = client
    self.patience = patience
  }

  public func models() async throws -> [ModelDescription] {
    let body = try await exchange(request("/models"), patience: patience.list, limit: 4 << 20)
    do {
      return try JSONText.decode(ModelListing.self, from: body).models(provider: name)
    } catch {
      throw InferenceError.badAnswer(provider: name, reason: "its list of models is not one")
    }
  }

  public func chat(_ request: ChatRequest) async throws -> ChatStream {
    try await chat(request, whenOver: {})
  }

  /// As `chat`; `whenOver` runs once the answer has ended in whatever way, or could not be had.
  func chat(_ chat: ChatRequest, whenOver: @escaping @Sendable () -> Void) async throws -> ChatStream {
    let response: HTTPClientResponse
    do {
      let upstream = chat.forServer(model: chat.model, streaming: true, isLocal: url.isLoopback)
      let request = try request("/chat/completions", posting: upstream, accept: "text/event-stream")
      response = try await open(request, patience: patience.firstPiece)
    } catch {
      whenOver()
      throw error
    }
    return ChatStream { [self] sink in
      defer { whenOver() }
      if response.headers.first(name: "content-type")?.lowercased().hasPrefix("application/json") == true {
        try await relayWhole(response, into: sink)
      } else {
        try await relay(response, into: sink)
      }
    }
  }

  public func embed(_ request: EmbeddingRequest) async throws -> EmbeddingResponse {
    let request = try self.request("/embeddings", posting: request, accept: "application/json")
    let body = try await exchange(request, patience: patience.firstPiece, limit: 64 << 20)
    do {
      return try JSONText.decode(EmbeddingResponse.self, from: body)
    } catch {
      throw InferenceError.badAnswer(provider: name, reason: "its embeddings are not a list of numbers")
    }
  }
}

// MARK: - One exchange

extension OpenAIProvider {
  private func request(_ path: String) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: url.text + path)
    request.headers.add(name: "User-Agent", value: "osaurus-host")
    // A connection costs nothing on this machine, and one that the server closes just as it is used again costs an
    // answer.
    if url.isLoopback { request.headers.add(name: "Connection", value: "close") }
    key?.withAuthorization { request.headers.add(name: "Authorization", value: $0) }
    return request
  }

  private func request(
    _ path: String, posting body: some Encodable, accept: String
  ) throws -> HTTPClientRequest {
    var request = request(path)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.headers.add(name: "Accept", value: accept)
    request.body = .bytes(ByteBuffer(bytes: try JSONText.bytes(body)))
    return request
  }

  /// Sends a request and waits for the head of a good answer.
  private func open(_ request: HTTPClientRequest, patience: Duration) async throws -> HTTPClientResponse {
    do {
      return try await Silence.limit(patience) { [self] _ in
        let response = try await client.execute(request, deadline: .distantFuture)
        guard response.status == .ok else { throw await refusal(response) }
        return response
      }
    } catch {
      throw told(error)
    }
  }

  /// Sends a request and reads a whole answer of at most `limit` bytes.
  private func exchange(_ request: HTTPClientRequest, patience: Duration, limit: Int) async throws -> [UInt8]
  {
    do {
      return try await Silence.limit(patience) { [self] _ in
        let response = try await client.execute(request, deadline: .distantFuture)
        guard response.status == .ok else { throw await refusal(response) }
        return Array(buffer: try await response.body.collect(upTo: limit))
      }
    } catch {
      throw told(error)
    }
  }

  /// What the server says about why it refuses.
  private func refusal(_ response: HTTPClientResponse) async -> InferenceError {
    let status = Int(response.status.code)
    if (300..<400).contains(status) {
      return .refused(
        provider: name, status: status, message: "it points elsewhere; use the URL it points to")
    }
    var message = ""
    if let body = try? await response.body.collect(upTo: 64 << 10) {
      let value = try? JSONText.decode(JSONValue.self, from: Array(buffer: body))
      message = value.map(serverMessage) ?? ""
    }
    return .refused(provider: name, status: status, message: message)
  }

  /// The message in an error object, in any of the shapes that servers use.
  private func serverMessage(_ value: JSONValue) -> String {
    let error = value["error"] ?? value
    let text = error.string ?? error["message"]?.string ?? error["detail"]?.string ?? error["error"]?.string
    let message = ForeignText.oneLine(text ?? "no reason given")
    return key?.redact(message) ?? message
  }

  /// An error of the client library in this target's words.
  private func told(_ error: any Error, inAnswer: Bool = false) -> any Error {
    if Task.isCancelled { return CancellationError() }
    switch error {
    case is InferenceError, is CancellationError: return error
    case is Silence.TooLong: return InferenceError.timedOut(provider: name)
    case is NIOTooManyBytesError:
      return InferenceError.badAnswer(provider: name, reason: "its answer is too large")
    case let error as HTTPClientError where error == .remoteConnectionClosed:
      return InferenceError.modelDied(provider: name)
    case let error as HTTPClientError where error == .cancelled: return CancellationError()
    default:
      return inAnswer ? InferenceError.modelDied(provider: name) : InferenceError.unreachable(provider: name)
    }
  }
}

// MARK: - Answers

extension OpenAIProvider {
  /// The most bytes of one streamed answer, everything around its text included.
  private static let answerLimit = 64 << 20

  /// Passes the chunks of an event stream on.
  private func relay(_ response: HTTPClientResponse, into sink: ChatStream.Sink) async throws {
    do {
      try await Silence.limit(patience.firstPiece) { [self] silence in
        var parser = EventStreamParser()
        var reading = AnswerReading(provider: name, redact: serverMessage)
        var room = Self.answerLimit
        for try await buffer in response.body {
          silence.isBroken(next: patience.nextPiece)
          if reading.isOver { continue }
          room -= buffer.readableBytes
          guard room >= 0 else {
            throw InferenceError.badAnswer(provider: name, reason: "its answer has no end")
          }
          for event in try buffer.withUnsafeReadableBytes({ try parser.feed($0) }) {
            if let chunk = try reading.read(event) {
              try await sink.send(chunk)
              silence.isBroken(next: patience.nextPiece)
            }
          }
          if reading.isOver {
            // What follows is only the end of the body, read so that the connection can be used again.
            sink.finish()
            silence.isBroken(next: .seconds(1))
          }
        }
        if !reading.isOver, let event = try parser.finish(), let chunk = try reading.read(event) {
          try await sink.send(chunk)
        }
        guard reading.isOver || reading.hasFinished else { throw InferenceError.modelDied(provider: name) }
      }
    } catch is EventStreamParser.TooLarge {
      throw InferenceError.badAnswer(provider: name, reason: "one piece of its answer is too large")
    } catch {
      throw told(error, inAnswer: true)
    }
  }

  /// Passes a whole answer on as if it had been streamed.
  private func relayWhole(_ response: HTTPClientResponse, into sink: ChatStream.Sink) async throws {
    let body: [UInt8]
    do {
      body = try await Silence.limit(patience.firstPiece) { _ in
        Array(buffer: try await response.body.collect(upTo: 16 << 20))
      }
    } catch {
      throw told(error, inAnswer: true)
    }
    if let value = try? JSONText.decode(JSONValue.self, from: body), let error = value["error"],
      error != .null
    {
      throw InferenceError.failed(provider: name, message: serverMessage(value))
    }
    guard let completion = try? JSONText.decode(ChatCompletion.self, from: body) else {
      throw InferenceError.badAnswer(provider: name, reason: "its answer is not a chat completion")
    }
    for chunk in completion.chunks { try await sink.send(chunk) }
  }
}

/// Reads the events of one answer and knows whether it came to its end.
private struct AnswerReading {
  let provider: String
  let redact: (JSONValue) -> String
  /// Whether `[DONE]` was read.
  private(set) var isOver = false
  /// Whether a chunk said why the answer ends.
  private(set) var hasFinished = false

  init(provider: String, redact: @escaping (JSONValue) -> String) {
    self.provider = provider
    self.redact = redact
  }

  mutating func read(_ event: [UInt8]) throws -> ChatChunk? {
    if isOver || event.isEmpty { return nil }
    if event.elementsEqual("[DONE]".utf8) {
      isOver = true
      return nil
    }
    guard let item = try? JSONText.decode(StreamItem.self, from: event) else {
      throw InferenceError.badAnswer(
        provider: provider, reason: "a piece of its answer is not JSON as expected")
    }
    switch item {
    case .failure(let value): throw InferenceError.failed(provider: provider, message: redact(value))
    case .chunk(let chunk):
      if chunk.finishReason != nil { hasFinished = true }
      return chunk
    }
  }
}

/// An event of an answer: a chunk, or an error object.
private enum StreamItem: Decodable {
  case chunk(ChatChunk)
  case failure(JSONValue)

  enum CodingKeys: String, CodingKey { case error }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let error = try container.decodeIfPresent(JSONValue.self, forKey: .error) {
      self = .failure(.object(["error": error]))
    } else {
      self = .chunk(try ChatChunk(from: decoder))
    }
  }
}
