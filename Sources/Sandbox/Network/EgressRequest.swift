import Foundation
import NIOHTTP1

/// What a program asks the proxy for (RFC 9110, 7.1 and 9.3.6).
enum EgressRequest {
  /// A connection, over which it says what it likes.
  case tunnel(EgressTarget)
  /// One request over plain HTTP, as it is to be sent on.
  case plain(EgressTarget, HTTPRequestHead)
  /// For tests: whatever was named, in whatever spelling, with a target that stands for it.
  case opened(String, EgressTarget)

  var target: EgressTarget {
    switch self {
    case .tunnel(let target), .plain(let target, _), .opened(_, let target): target
    }
  }

  /// What is looked up. The dot makes it a whole name, to which this machine's resolver adds nothing.
  var name: String {
    if case .opened(let name, _) = self { name } else { "\(target.host)." }
  }

  private static let scheme = "http://"

  /// Reads the head of a request. Everything about the host is in what stands between the scheme and the path, and that has to
  /// be a name and a port, byte by byte; nothing else that a URL may have there is understood.
  /// - Throws: ``EgressHost/Refusal``.
  init(_ head: HTTPRequestHead) throws(EgressHost.Refusal) {
    if head.method == .CONNECT {
      // It has no body; what follows is said to the other side.
      guard !head.headers.contains(name: "Content-Length"), !head.headers.contains(name: "Transfer-Encoding")
      else { throw .malformed }
      self = .tunnel(try EgressTarget(head.uri))
      return
    }
    guard let (authority, path) = Self.parts(of: head.uri) else { throw .malformed }
    // What ends its body has to be told in one way only: what came after it could be a request to somebody else.
    let codings = head.headers["Transfer-Encoding"]
    guard head.method != .TRACE, codings.isEmpty || codings.map({ $0.lowercased() }) == ["chunked"] else {
      throw .malformed
    }
    let target = try EgressTarget(authority, ordinaryPort: 80)
    self = .plain(target, Self.forwarded(head, to: target, path))
  }

  /// For the check that attempts can tell: the host as a browser would read it, with no rule about it.
  init(opening head: HTTPRequestHead) throws(EgressHost.Refusal) {
    let text = head.method == .CONNECT ? "http://\(head.uri)" : head.uri
    let url = URLComponents(string: text)
    let host = url?.host ?? ""
    self = .opened(
      host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host,
      try EgressTarget("opened.example:\(url?.port ?? 80)"))
  }

  /// The authority and the path of a URL of plain HTTP.
  static func parts(of uri: String) -> (authority: Substring, path: String)? {
    guard uri.utf8.allSatisfy({ 0x21..<0x7f ~= $0 }), uri.prefix(scheme.count).lowercased() == scheme
    else { return nil }
    let rest = uri.dropFirst(scheme.count)
    let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
    let path = rest[end...]
    guard !path.contains("#") else { return nil }
    return (rest[..<end], path.hasPrefix("/") ? String(path) : "/\(path)")
  }

  /// Headers that are about this connection and not about the request (RFC 9110, 7.6.1).
  private static let ofTheConnection = [
    "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Authenticate", "TE",
    "Trailer", "Upgrade", "HTTP2-Settings",
  ]

  private static func forwarded(
    _ head: HTTPRequestHead, to target: EgressTarget, _ path: String
  ) -> HTTPRequestHead {
    var headers = head.headers
    for name in headers[canonicalForm: "Connection"] + ofTheConnection.map({ $0[...] }) {
      // What says where the body ends is kept, whatever it was called.
      guard !["transfer-encoding", "content-length"].contains(name.lowercased()) else { continue }
      headers.remove(name: String(name))
    }
    if headers.contains(name: "Transfer-Encoding") {
      headers.replaceOrAdd(name: "Transfer-Encoding", value: "chunked")
    }
    // The name that was checked is the one that is asked there.
    headers.replaceOrAdd(
      name: "Host", value: target.port == 80 ? target.host.description : target.description)
    headers.add(name: "Connection", value: "close")
    return HTTPRequestHead(version: .http1_1, method: head.method, uri: path, headers: headers)
  }
}
