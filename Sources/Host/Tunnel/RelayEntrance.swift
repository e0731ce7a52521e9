import HTTPTypes
import Hummingbird
import Identity
import Logging
import NIOCore
import Relay

/// The way in for what comes through a relay: in memory, through the same front door as everybody else.
///
/// A request is what the relay says it is, and nobody's word otherwise. Where it came from is what the relay reports, which
/// counts for limits alone. What it says about how it was carried is dropped; that it was, this entrance says.
struct RelayEntrance: TunnelResponder {
  /// The longest answer that is sent in one piece.
  private static let wholeLimit = 1 << 20

  let door: FrontDoor
  let held: HeldBytes
  let probes: RouteProbes

  func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {
    let source = SourceAddress(reported: request.headers["x-forwarded-for"])
    guard let path = request.path, let method = HTTPRequest.Method(request.method) else {
      try? await answer.fail(status: 502, code: "invalid_path")
      return
    }
    var share = HeldShare(of: held, for: source)
    guard share.add(request.body.readableBytes) else {
      try? await answer.fail(status: 503, code: "server_overloaded")
      return
    }
    let head = HTTPRequest(
      method: method, scheme: "https", authority: agent.lowercased, path: path.text,
      headerFields: Self.fields(of: request.headers))
    let arrival = Arrival(origin: .relay(source, agent: agent))
    let proof = probes.answer(to: path.text)
    do {
      // Outlives the answer: what revokes a key cuts the streams that it opened.
      try await CallerWatch().whileCallerWaits {
        var response = try await door.respond(to: head, body: request.body, from: arrival)
        if let proof { response.headers[.healthProof] = proof }
        try await send(response, to: head, over: answer)
      }
    } catch {
      door.logger.debug("an answer through the relay broke off", metadata: ["error": "\(error)"])
    }
  }

  private func send(_ response: Response, to head: HTTPRequest, over answer: TunnelAnswer) async throws {
    let headers = Self.headers(of: door.headers(of: response, to: head))
    let status = response.status.code
    if let length = response.body.contentLength, length <= Self.wholeLimit {
      let collected = BodyCollector(limit: Self.wholeLimit)
      try await response.body.write(collected)
      try await answer.send(status: status, headers: headers, body: collected.whole)
    } else {
      try await answer.start(status: status, headers: headers)
      try await response.body.write(TunnelWriter(answer))
    }
  }

  // MARK: Headers

  /// What is about a connection, or about how a request was carried, and so for nobody but this host to say.
  private static let carriers: Set<String> = [
    "connection", "content-length", "cookie", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "via", "forwarded", "x-real-ip",
    "x-agent-address", "x-osaurus-agent-id", "x-osaurus-relay-origin",
  ]

  private static func fields(of headers: RelayHeaders) -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in headers.fields where !carriers.contains(name) && !name.hasPrefix("x-forwarded-") {
      guard let name = HTTPField.Name(name) else { continue }
      fields.append(HTTPField(name: name, value: value))
    }
    return fields
  }

  private static let ofConnections: Set<String> = [
    "connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
  ]

  private static func headers(of fields: HTTPFields) -> RelayHeaders {
    var headers = RelayHeaders()
    for field in fields where !ofConnections.contains(field.name.canonicalName) {
      headers.add(field.name.canonicalName, field.value)
    }
    return headers
  }
}

/// Writes the body of an answer into a tunnel, as it comes.
private struct TunnelWriter: ResponseBodyWriter {
  private let answer: TunnelAnswer

  init(_ answer: TunnelAnswer) { self.answer = answer }

  mutating func write(_ buffer: ByteBuffer) async throws {
    if buffer.readableBytes > 0 { try await answer.write(buffer) }
  }

  consuming func finish(_ trailingHeaders: HTTPFields?) async throws { try await answer.finish() }
}

extension HTTPField.Name {
  /// See ``RouteProbes``.
  fileprivate static let healthProof = HTTPField.Name(RouteProbes.header)!
}
