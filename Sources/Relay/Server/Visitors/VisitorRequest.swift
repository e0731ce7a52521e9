import Identity
import NIOCore
import NIOHTTP1

/// A caller's request while it comes in and is answered. It belongs to its connection.
final class VisitorRequest {
  /// What is to be done with it, once it is whole.
  enum Plan {
    case refuse(RelayRefusal)
    case preflight
    /// One of the relay's own pages.
    case page(String)
    case ask(Tunnel, Address, RelayPath)
  }

  let method: HTTPMethod
  let headers: HTTPHeaders
  /// Who asks.
  let source: NetworkAddress
  let plan: Plan
  /// HTTP/1.0, which knows no pieces.
  let isOld: Bool
  let isHead: Bool
  let expectsContinue: Bool
  let share: BudgetShare
  private(set) var body = ByteBuffer()
  private(set) var pace: BodyPace
  /// While it is with a host, and until its answer has gone out.
  var turn: Answering.Turn?
  /// Whether all of it has come.
  var isWhole = false
  /// Whether no other request follows on the connection.
  var isLast: Bool
  private let hasBody: Bool

  init(
    _ head: HTTPRequestHead, _ board: Switchboard, _ peer: NetworkAddress, _ upgrade: RelayRefusal?,
    now: NIODeadline
  ) {
    method = head.method
    headers = head.headers
    source = board.proxies.source(peer, head.headers)
    isOld = head.version.major < 1 || head.version == .http1_0
    isHead = head.method == .HEAD
    isLast = !head.isKeepAlive
    expectsContinue = head.headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
    share = BudgetShare(of: board.budget, for: source)
    pace = BodyPace(board.limits, now: now)
    let length = head.headers.first(name: "content-length").map(UInt64.init)
    hasBody = length.map { $0 != 0 } ?? head.headers.contains(name: "transfer-encoding")
    if let length, length.map({ $0 > UInt64(board.limits.bodyBytes) }) ?? true {
      plan = .refuse(.bodyTooLarge)
    } else {
      plan = Self.plan(head, board, upgrade, source, now)
    }
  }

  private init(_ board: Switchboard, _ peer: NetworkAddress, now: NIODeadline) {
    (method, headers, source, plan) = (.GET, [:], peer, .refuse(.badRequest))
    (isOld, isHead, expectsContinue, isLast, hasBody) = (false, false, false, true, false)
    share = BudgetShare(of: board.budget, for: source)
    pace = BodyPace(board.limits, now: now)
  }

  /// What stands for a request that could not be read.
  static func unreadable(
    _ board: Switchboard, _ peer: NetworkAddress, now: NIODeadline
  ) -> VisitorRequest {
    VisitorRequest(board, peer, now: now)
  }

  private static func plan(
    _ head: HTTPRequestHead, _ board: Switchboard, _ upgrade: RelayRefusal?,
    _ source: NetworkAddress, _ now: NIODeadline
  ) -> Plan {
    let route = VisitorRoute(
      host: head.headers["host"], target: head.uri, method: head.method.rawValue, settings: board.settings)
    switch route {
    case .refused(let refusal): return .refuse(refusal)
    case .relay(let path):
      if let upgrade { return .refuse(upgrade) }
      return head.method == .GET || head.method == .HEAD ? .page(path) : .refuse(.notFound)
    case .agent(let agent, let path):
      if head.method == .OPTIONS { return .preflight }
      guard head.method.rawValue.utf8.allSatisfy({ UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20 })
      else {
        return .refuse(.badRequest)
      }
      if board.answering.isStopping { return .refuse(.stopping) }
      switch board.directory.way(to: agent, from: source, now: now) {
      case .tunnel(let tunnel): return .ask(tunnel, agent, path)
      case .offline: return .refuse(.agentOffline)
      case .limited: return .refuse(.rateLimited)
      }
    }
  }

  /// What is answered without waiting for the body.
  var earlyRefusal: RelayRefusal? {
    guard hasBody else { return nil }
    switch plan {
    case .refuse(let refusal): return refusal
    case .preflight, .page: return .bodyTooLarge
    case .ask: return nil
    }
  }

  func take(_ bytes: ByteBuffer) {
    pace.add(bytes.readableBytes)
    body.writeImmutableBuffer(bytes)
  }

  /// The body, which is not kept here.
  func takeBody() -> ByteBuffer {
    defer { body = ByteBuffer() }
    return body
  }
}

/// A status that an answer may have: 200 to 599.
struct AnswerStatus: Hashable, Sendable {
  let http: HTTPResponseStatus

  init?(_ code: Int) {
    guard 200...599 ~= code else { return nil }
    http = HTTPResponseStatus(statusCode: code)
  }

  var mayHaveBody: Bool { Self.mayHaveBody(http) }

  /// Whether an answer of this status can have a body. (RFC 9110 §15.3.5, §15.3.6, §15.4.5)
  static func mayHaveBody(_ status: HTTPResponseStatus) -> Bool {
    status != .noContent && status != .resetContent && status != .notModified
  }
}
