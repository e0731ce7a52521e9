import Foundation

/// Asks a host over a connection of its own for each request.
struct WireClient: Sendable {
  enum Place: Sendable {
    case port(Int)
    case socket(String)
  }

  let place: Place
  /// Sent with every request.
  var key: String?

  init(port: Int, key: String? = nil) {
    place = .port(port)
    self.key = key
  }

  init(socket: String) { place = .socket(socket) }

  func ask(
    _ method: String, _ path: String, _ body: String, headers: [String] = []
  ) async throws -> WireAnswer {
    try await ask(method, path, Array(body.utf8), headers: headers)
  }

  /// Sends a request and reads what comes until the other side closes. Sends it again where a busy machine was so slow
  /// that the other side did not wait for it (RFC 9110 §15.5.9).
  /// - Parameter headers: lines such as `Accept: text/event-stream`.
  func ask(
    _ method: String, _ path: String, _ body: [UInt8]? = nil, headers: [String] = []
  ) async throws -> WireAnswer {
    let request = bytes(method, path, body, headers)
    while true {
      let answer = try await connect { client in
        try await client.send(request)
        _ = try await client.rest()
        return try WireAnswer(client.bytes)
      }
      if answer.status != 408 { return answer }
    }
  }

  func connect<R: Sendable>(_ body: (inout RawClient) async throws -> R) async throws -> R {
    switch place {
    case .port(let port): try await RawClient.connect(port: port, body)
    case .socket(let path): try await RawClient.connect(socket: path, body)
    }
  }

  /// A request after which the connection is to be closed.
  func bytes(_ method: String, _ path: String, _ body: [UInt8]?, _ headers: [String] = []) -> [UInt8] {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: localhost", "Connection: close"] + headers
    if let key { lines.append("Authorization: Bearer \(key)") }
    if let body { lines.append("Content-Length: \(body.count)") }
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (body ?? [])
  }
}

/// An answer as it came over the wire.
struct WireAnswer: Sendable {
  let status: Int
  /// Names in lower case.
  let headers: [String: String]
  let body: [UInt8]
  /// Whether the body came to its announced end.
  let isWhole: Bool

  struct Malformed: Error {
    let text: String
  }

  init(_ bytes: [UInt8]) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    let end = Array("\r\n\r\n".utf8)
    guard let head = bytes.firstRange(of: end) else { throw Malformed(text: text) }
    let lines = String(decoding: bytes[..<head.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      throw Malformed(text: text)
    }
    self.status = status
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { throw Malformed(text: text) }
      headers[line[..<colon].lowercased()] =
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    self.headers = headers
    let rest = bytes[head.upperBound...]
    if headers["transfer-encoding"] == "chunked" {
      (body, isWhole) = Self.unchunked(rest)
    } else {
      body = Array(rest)
      isWhole = rest.count == headers["content-length"].flatMap(Int.init) ?? 0
    }
  }

  var text: String { String(decoding: body, as: UTF8.self) }

  /// The body as a JSON object; empty where it is none.
  var json: [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
  }

  /// What follows `data: ` in each event of a stream.
  var events: [String] {
    text.components(separatedBy: "\n\n").filter { $0.hasPrefix("data: ") }.map { String($0.dropFirst(6)) }
  }

  private static func unchunked(_ bytes: ArraySlice<UInt8>) -> ([UInt8], Bool) {
    var (body, rest): ([UInt8], ArraySlice<UInt8>) = ([], bytes)
    let end = Array("\r\n".utf8)
    while let line = rest.firstRange(of: end) {
      let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16) ?? 0
      if size == 0 { return (body, true) }
      rest = rest[line.upperBound...]
      body += rest.prefix(size)
      rest = rest.dropFirst(size + 2)
    }
    return (body, false)
  }
}
