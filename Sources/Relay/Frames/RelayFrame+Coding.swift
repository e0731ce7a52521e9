import Identity
public import NIOCore

extension RelayFrame {
  /// Reads what a relay sent.
  public init(_ message: ByteBuffer, limits: FrameLimits = FrameLimits()) throws(FrameRefusal) {
    self = try message.readWhole { (text) throws(FrameRefusal) in try Self.read(text, limits) }
  }

  private static let urlLimit = 2048
  private static let codeLimit = 256

  private static func read(
    _ text: UnsafeRawBufferPointer, _ limits: FrameLimits
  ) throws(FrameRefusal) -> RelayFrame {
    let members = try FrameMembers(text)
    switch try members.type() {
    case "challenge":
      guard let nonce = TunnelNonce(try members.text(.nonce, limit: 512)) else { throw .malformed("nonce") }
      return .challenge(nonce, members.features())
    case "auth_ok":
      return .authenticated(
        try members.objects(.agents, limits, registered),
        rejected: try members.objects(.rejected, limits) { (members) throws(FrameRefusal) in
          RejectedAgent(
            address: try members.address(),
            reason: TunnelErrorCode(rawValue: try members.text(.reason, limit: codeLimit)))
        })
    case "auth_error":
      return .authError(TunnelErrorCode(rawValue: try members.text(.error, limit: codeLimit)))
    case "agent_added": return .agentAdded(try registered(members))
    case "agent_removed": return .agentRemoved(try members.address())
    case "ping": return .ping(try members.integer(.ts))
    case "error": return .error(TunnelErrorCode(rawValue: try members.text(.error, limit: codeLimit)))
    case "request":
      let id = try members.id()
      do throws(FrameRefusal) {
        return .request(try request(id, members, limits))
      } catch {
        // What is wrong with it may be its caller's doing, and the others of the tunnel have no part in it.
        return .unreadable(id, error)
      }
    case "cancel": return .cancel(try members.id())
    case "pause": return .pause(try members.id())
    case "resume": return .resume(try members.id())
    case "window": return .window(try members.id(), try members.window())
    default: return .unknown
    }
  }

  private static func request(
    _ id: RequestID, _ members: FrameMembers, _ limits: FrameLimits
  ) throws(FrameRefusal) -> RelayRequest {
    let method = try members.text(.method, limit: 32)
    guard !method.isEmpty, method.utf8.allSatisfy({ UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20 })
    else { throw .malformed("method") }
    return RelayRequest(
      id: id, method: method, path: RelayPath(try members.text(.path, limit: RelayPath.byteLimit * 2)),
      headers: try members.headers(limits), body: try members.bytes(.body, limit: limits.bodyBytes),
      window: members[.window] == nil ? nil : try members.window())
  }

  private static func registered(_ members: FrameMembers) throws(FrameRefusal) -> RegisteredAgent {
    RegisteredAgent(address: try members.address(), url: try members.text(.url, limit: urlLimit))
  }

  /// The message to send.
  public var encoded: ByteBuffer { encoded(for: []) }

  /// The message to send to a host that understands these. A body that is shorter in base64 is in that, where the host
  /// understands it; one that is not UTF-8 always is.
  func encoded(for features: TunnelFeatures) -> ByteBuffer {
    var writer = FrameWriter()
    switch self {
    case .challenge(let nonce, let features):
      if !features.isEmpty { writer.member("features", features.names) }
      writer.member("nonce", nonce.text)
      writer.member("type", "challenge")
    case .authenticated(let agents, let rejected):
      writer.member("agents", agents) { agent, object in
        object.member("address", agent.address.lowercased)
        object.member("url", agent.url)
      }
      if !rejected.isEmpty {
        writer.member("rejected", rejected) { agent, object in
          object.member("address", agent.address.lowercased)
          object.member("reason", agent.reason.rawValue)
        }
      }
      writer.member("type", "auth_ok")
    case .authError(let code):
      writer.member("error", code.rawValue)
      writer.member("type", "auth_error")
    case .agentAdded(let agent):
      writer.member("address", agent.address.lowercased)
      writer.member("type", "agent_added")
      writer.member("url", agent.url)
    case .agentRemoved(let address):
      writer.member("address", address.lowercased)
      writer.member("type", "agent_removed")
    case .ping(let time):
      writer.member("ts", time)
      writer.member("type", "ping")
    case .request(let request):
      writer.member("body", request.body, shortest: features.contains(.base64))
      writer.member("headers", request.headers)
      writer.member("id", request.id.text)
      writer.member("method", request.method)
      writer.member("path", request.path?.text ?? "")
      writer.member("type", "request")
      if let window = request.window { writer.member("window", window) }
    case .error(let code):
      writer.member("error", code.rawValue)
      writer.member("type", "error")
    case .cancel(let id): writer.about(id, "cancel")
    case .pause(let id): writer.about(id, "pause")
    case .resume(let id): writer.about(id, "resume")
    case .window(let id, let end):
      writer.about(id, "window")
      writer.member("window", end)
    case .unreadable, .unknown: writer.member("type", "unknown")
    }
    return ByteBuffer(bytes: writer.finish())
  }
}
