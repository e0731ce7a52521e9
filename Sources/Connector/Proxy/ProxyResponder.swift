import Foundation
import HTTPTypes
import Hummingbird
import Inference
import NIOCore
import SecureChannel

/// A request to a proxy, and the connection that it came on.
struct ProxyContext: InitializableFromSource, RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}

/// Carries each request that is let in to the peer, and what comes back to whoever asked.
struct ProxyResponder: HTTPResponder {
  /// What a host takes at most.
  private static let bodyLimit = 32 * 1024 * 1024
  /// The beginnings of headers that mean something to a host.
  private static let carriedHeaders = ["x-osaurus-", "x-session-id", "x-persist", "anthropic-", "openai-"]

  let errand: ProxyErrand
  let gate: ProxyGate
  let notes: ProxyNotes

  func respond(to request: Request, context: ProxyContext) async throws -> Response {
    let target = request.head.path ?? "/"
    if let refusal = gate.refusal(of: request.head, on: context.channel) {
      notes.turnedAway(refusal)
      return Self.response(refusal, to: target)
    }
    guard Self.isCarried(target) else { return Self.response(.notCarried, to: target) }
    let body: ByteBuffer
    do {
      body = try await request.body.collect(upTo: Self.bodyLimit)
    } catch is NIOTooManyBytesError {
      return Self.response(.tooLarge, to: target)
    }
    let forwarded = ForwardedRequest(
      method: request.method.rawValue, path: target, accept: request.headers[.accept],
      contentType: request.headers[.contentType], headers: Self.carried(request.headers),
      body: body.readableBytes > 0 ? Array(buffer: body) : nil)
    do {
      let path = RequestPath.normalised(target)
      let answer = try await context.channel.whileOpen { try await errand.run(forwarded, path: path) }
      return response(answer, to: target, on: context.channel)
    } catch let error as ConnectorError {
      notes.failed(error)
      return Self.response(error, to: target)
    }
  }

  /// What opens channels and gives keys is between a host and whoever asks for it.
  private static func isCarried(_ target: String) -> Bool {
    let path = RequestPath.normalised(target)
    return target.hasPrefix("/") && !path.hasPrefix("/secure") && !path.hasPrefix("/pair")
  }

  private static func carried(_ fields: HTTPFields) -> [String: String] {
    var headers: [String: String] = [:]
    for field in fields where carriedHeaders.contains(where: field.name.canonicalName.hasPrefix) {
      headers[field.name.canonicalName] = field.value
    }
    return headers
  }

  // MARK: Answers

  private func response(_ answer: ProxyAnswer, to target: String, on channel: any Channel) -> Response {
    switch answer {
    case .whole(let whole):
      if whole.status >= 400 { notes.refused(whole) } else { notes.worked() }
      var headers: HTTPFields = [.cacheControl: "no-store"]
      if let type = whole.contentType, HTTPField.isValidValue(type) { headers[.contentType] = type }
      return Response(
        status: .init(code: whole.status), headers: headers,
        body: whole.body.isEmpty ? .init() : .init(byteBuffer: ByteBuffer(bytes: whole.body)))
    case .stream(let stream, let translation):
      notes.worked()
      return Response(
        status: .ok, headers: [.contentType: Self.streamType(of: target), .cacheControl: "no-store"],
        body: ResponseBody { [notes] writer in
          // A stream that breaks off is not finished here either: whoever reads sees that something is missing.
          do {
            try await carry(stream, translation, to: &writer, on: channel)
          } catch {
            if channel.isActive, let error = error as? ConnectorError { notes.failed(error) }
            throw error
          }
          try await writer.finish(nil)
        })
    }
  }

  /// The next piece is asked for when the last one is on its way: whoever reads slowly slows the peer down.
  private func carry(
    _ stream: PeerStream, _ translation: (any StreamTranslation)?, to writer: inout any ResponseBodyWriter,
    on channel: any Channel
  ) async throws {
    var translation = translation
    let reader = stream.makeAsyncIterator().reader
    channel.closeFuture.whenComplete { _ in Task { await reader.cancel() } }
    while let piece = try await reader.next() {
      let said = try translation?.feed(piece) ?? piece
      if !said.isEmpty { try await writer.write(ByteBuffer(bytes: said)) }
    }
    if let last = try translation?.finish(), !last.isEmpty {
      try await writer.write(ByteBuffer(bytes: last))
    }
  }

  /// A stream's type is not carried through the channel; the route tells it.
  private static func streamType(of target: String) -> String {
    switch RequestPath.normalised(target) {
    case "/chat", "/generate", "/pull": "application/x-ndjson"
    default: "text/event-stream"
    }
  }

  private static func response(_ refusal: ProxyRefusal, to target: String) -> Response {
    response(refusal.status, code: refusal.code, message: refusal.message, to: target)
  }

  private static func response(_ error: ConnectorError, to target: String) -> Response {
    let status: HTTPResponse.Status =
      switch error {
      case .busy, .tooManyHandshakes: .serviceUnavailable
      case .silent, .handshakeTimedOut: .gatewayTimeout
      default: .badGateway
      }
    return response(status, code: "peer_unavailable", message: error.description, to: target)
  }

  private static func response(
    _ status: HTTPResponse.Status, code: String, message: String, to target: String
  ) -> Response {
    let isOllamas = OllamaRequest.Route(rawValue: RequestPath.normalised(target)) != nil
    let body = ["error": ["message": message, "type": "proxy_error", "code": code]]
    let json =
      isOllamas ? ProxyFailure.ollamaObject(message) : [UInt8]((try? JSONEncoder().encode(body)) ?? Data())
    return Response(
      status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
      body: .init(byteBuffer: ByteBuffer(bytes: json)))
  }
}
