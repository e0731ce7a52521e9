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
    var version: Int?
    var agentAddress: String?
    var encPub: String?
    var nonce: String?
    let isObject = FlatJSON.scan(body) { key, value in
      if FlatJSON.isKey(key, "v") { return FlatJSON.fill(&version, FlatJSON.integer(value)) }
      if FlatJSON.isKey(key, "agentAddress") { return FlatJSON.fill(&agentAddress, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "encPub") { return FlatJSON.fill(&encPub, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "nonce") { return FlatJSON.fill(&nonce, FlatJSON.text(value)) }
      return true
    }
    guard isObject, let version, let agentAddress, let encPub, let nonce else { throw .invalidHandshake }
    guard version == 1 else { throw .unsupportedVersion }
    self.init(agentAddress: agentAddress, encPub: encPub, nonce: nonce)
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
    var version: Int?
    var sid: String?
    var encPub: String?
    var expiresAt: Int64?
    var signature: String?
    let isObject = FlatJSON.scan(body) { key, value in
      if FlatJSON.isKey(key, "v") { return FlatJSON.fill(&version, FlatJSON.integer(value)) }
      if FlatJSON.isKey(key, "sid") { return FlatJSON.fill(&sid, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "encPub") { return FlatJSON.fill(&encPub, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "expiresAt") { return FlatJSON.fill(&expiresAt, FlatJSON.integer(value)) }
      if FlatJSON.isKey(key, "signature") { return FlatJSON.fill(&signature, FlatJSON.text(value)) }
      return true
    }
    guard isObject, let version, let sid, let encPub, let expiresAt, let signature else {
      throw .invalidServerHello
    }
    guard version == 1 else { throw .unsupportedVersion }
    self.init(sid: sid, encPub: encPub, expiresAt: expiresAt, signature: signature)
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
}
