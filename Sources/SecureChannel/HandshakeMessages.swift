public import Identity

/// What a client opens a session with. (spec/01, B1)
public struct ClientHello: Hashable, Sendable {
  /// The address of the agent, as it is written on the wire.
  public let agentAddress: String
  /// The client's X25519 public key, base64url of 32 bytes.
  public let encPub: String
  /// Base64url of at least 16 random bytes.
  public let nonce: String

  /// The agent that is meant, or nil when the text is no address.
  public var agent: Address? { Address(ignoringChecksum: agentAddress) }

  init(agentAddress: String, encPub: String, nonce: String) {
    self.agentAddress = agentAddress
    self.encPub = encPub
    self.nonce = nonce
  }

  /// Reads a request body. Whether the key and the nonce are good is seen when the handshake is accepted.
  /// - Throws: ``SecureChannelError/invalidHandshake`` or ``SecureChannelError/unsupportedVersion``.
  public init(parsing body: UnsafeRawBufferPointer) throws(SecureChannelError) {
    guard let message = WireJSON.decode(Message.self, from: body) else {
      throw .invalidHandshake
    }
    guard message.v == 1 else { throw .unsupportedVersion }
    self.init(agentAddress: message.agentAddress, encPub: message.encPub, nonce: message.nonce)
  }

  /// The request body.
  public func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 192)
    writer.append("{\"agentAddress\":")
    writer.append(jsonString: agentAddress)
    writer.append(",\"encPub\":")
    writer.append(jsonString: encPub)
    writer.append(",\"nonce\":")
    writer.append(jsonString: nonce)
    writer.append(",\"v\":1}")
    return writer.bytes
  }

  private struct Message: Decodable {
    let v: Int
    let agentAddress: String
    let encPub: String
    let nonce: String
  }
}

/// What a server answers with. (spec/01, B1)
public struct ServerHello: Hashable, Sendable {
  /// The session's identifier, as it is written on the wire.
  public let sid: String
  /// The server's X25519 public key, base64url of 32 bytes.
  public let encPub: String
  /// The Unix second at which the session ends.
  public let expiresAt: Int64
  /// The agent's signature over the transcript, `0x` and 130 hexadecimal digits.
  public let signature: String

  init(sid: String, encPub: String, expiresAt: Int64, signature: String) {
    self.sid = sid
    self.encPub = encPub
    self.expiresAt = expiresAt
    self.signature = signature
  }

  /// Reads a response body.
  /// - Throws: ``SecureChannelError/invalidServerHello`` or ``SecureChannelError/unsupportedVersion``.
  public init(parsing body: UnsafeRawBufferPointer) throws(SecureChannelError) {
    guard let message = WireJSON.decode(Message.self, from: body) else {
      throw .invalidServerHello
    }
    guard message.v == 1 else { throw .unsupportedVersion }
    self.init(
      sid: message.sid, encPub: message.encPub, expiresAt: message.expiresAt,
      signature: message.signature)
  }

  /// The response body: keys in order.
  public func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 320)
    writer.append("{\"encPub\":")
    writer.append(jsonString: encPub)
    writer.append(",\"expiresAt\":\(expiresAt)".utf8)
    writer.append(",\"sid\":")
    writer.append(jsonString: sid)
    writer.append(",\"signature\":")
    writer.append(jsonString: signature)
    writer.append(",\"v\":1}")
    return writer.bytes
  }

  private struct Message: Decodable {
    let v: Int
    let sid: String
    let encPub: String
    let expiresAt: Int64
    let signature: String
  }
}
