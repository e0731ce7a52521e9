import Identity
public import NIOCore

extension HostFrame {
  /// Reads what a host sent.
  public init(_ message: ByteBuffer, limits: FrameLimits = FrameLimits()) throws(FrameRefusal) {
    self = try message.readWhole { (text) throws(FrameRefusal) in try Self.read(text, limits) }
  }

  private static func read(
    _ text: UnsafeRawBufferPointer, _ limits: FrameLimits
  ) throws(FrameRefusal) -> HostFrame {
    let members = try FrameMembers(text)
    switch try members.type() {
    case "auth":
      let nonce = try members.text(.nonce, limit: 512)
      return .auth(
        TunnelAuthentication(
          agents: try members.objects(.agents, limits, proof), nonce: TunnelNonce(nonce),
          timestamp: try members.integer(.timestamp), features: members.features()))
    case "add_agent":
      guard let nonce = TunnelNonce(try members.text(.nonce, limit: 512)) else { throw .malformed("nonce") }
      return .addAgent(try proof(members), nonce: nonce, timestamp: try members.integer(.timestamp))
    case "remove_agent": return .removeAgent(try members.address())
    case "request_challenge": return .requestChallenge
    case "pong": return .pong(members[.ts] == nil ? nil : try members.integer(.ts))
    case "response":
      return .answer(
        RelayAnswer(
          id: try members.id(), status: try status(members), headers: try members.headers(limits),
          body: try members.bytes(.body, limit: limits.bodyBytes)))
    case "stream_start":
      return .streamStart(
        RelayAnswerHead(
          id: try members.id(), status: try status(members), headers: try members.headers(limits)))
    case "stream_chunk":
      return .streamChunk(try members.id(), try members.bytes(.data, limit: limits.bodyBytes))
    case "stream_end": return .streamEnd(try members.id())
    case "cancel": return .cancel(try members.id())
    default: return .unknown
    }
  }

  private static func status(_ members: FrameMembers) throws(FrameRefusal) -> Int {
    guard let status = Int(exactly: try members.integer(.status)) else { throw .malformed("status") }
    return status
  }

  private static func proof(_ members: FrameMembers) throws(FrameRefusal) -> AgentProof {
    let spelling = try members.text(.address, limit: 256)
    guard let address = Address(ignoringChecksum: spelling) else { throw .malformed("address") }
    return AgentProof(
      address: address, spelling: spelling,
      signature: RecoverableSignature(hex: try members.text(.signature, limit: 512)))
  }

  /// The message to send.
  public var encoded: ByteBuffer {
    var writer = FrameWriter()
    switch self {
    case .auth(let auth):
      writer.member("agents", auth.agents) { proof, object in
        object.member("address", proof.spelling)
        object.member("signature", proof.signature?.prefixedHex ?? "")
      }
      if !auth.features.isEmpty { writer.member("features", auth.features.names) }
      writer.member("nonce", auth.nonce?.text ?? "")
      writer.member("timestamp", auth.timestamp)
      writer.member("type", "auth")
    case .addAgent(let proof, let nonce, let timestamp):
      writer.member("address", proof.spelling)
      writer.member("nonce", nonce.text)
      writer.member("signature", proof.signature?.prefixedHex ?? "")
      writer.member("timestamp", timestamp)
      writer.member("type", "add_agent")
    case .removeAgent(let address):
      writer.member("address", address.checksummed)
      writer.member("type", "remove_agent")
    case .requestChallenge: writer.member("type", "request_challenge")
    case .pong(let time):
      if let time { writer.member("ts", time) }
      writer.member("type", "pong")
    case .answer(let answer):
      writer.member("body", answer.body)
      writer.member("headers", answer.headers)
      writer.member("id", answer.id.text)
      writer.member("status", Int64(answer.status))
      writer.member("type", "response")
    case .streamStart(let head):
      writer.member("headers", head.headers)
      writer.member("id", head.id.text)
      writer.member("status", Int64(head.status))
      writer.member("type", "stream_start")
    case .streamChunk(let id, let piece):
      writer.member("data", piece)
      writer.member("id", id.text)
      writer.member("type", "stream_chunk")
    case .streamEnd(let id): writer.about(id, "stream_end")
    case .cancel(let id): writer.about(id, "cancel")
    case .unknown: writer.member("type", "unknown")
    }
    return ByteBuffer(bytes: writer.finish())
  }
}

extension FrameWriter {
  /// The members of a frame that is only about a request.
  mutating func about(_ id: RequestID, _ type: String) {
    member("id", id.text)
    member("type", type)
  }
}
