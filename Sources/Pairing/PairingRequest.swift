public import Identity

/// Why a pairing request is refused before anybody is asked.
public enum PairingRefusal: Error, Hashable, Sendable {
  /// It is no JSON object with the members that belong there.
  case malformed
  /// Whoever it names did not sign it.
  case wrongSignature
}

/// What is sent to `/pair`. Nothing of it is believed until ``verified()``. (spec/02, C3)
public struct PairingRequest: Hashable, Sendable {
  /// The longest text of a member, in bytes.
  static let longestMember = 512

  /// The address of whoever asks, as it was written.
  public let connectorAddress: String
  /// The agent that is asked for: its UUID, or for hosts like this one its address.
  public let agentID: String
  public let nonce: String
  public let signature: String
  /// Base64url of the X25519 key to which the access key is to be sealed; nil from clients that cannot open what is
  /// sealed.
  public let encPub: String?
  /// Whether the agent is to sign the whole answer. Clients of other kinds do not ask for it.
  public let wantsBoundAnswer: Bool

  /// The request of a connector.
  public init(for agentID: String, _ nonce: PairingNonce, by connector: SigningKey, _ receiver: ReceivingKey)
  {
    connectorAddress = connector.address.checksummed
    self.agentID = agentID
    self.nonce = nonce.text
    encPub = receiver.encPub
    wantsBoundAnswer = true
    signature =
      connector.sign(Self.signedPayload(nonce: nonce.text, encPub: encPub), in: .pairing).prefixedHex
  }

  /// Reads a request body. Members that belong to none are passed over.
  /// - Throws: ``PairingRefusal/malformed``.
  public init(parsing body: UnsafeRawBufferPointer) throws(PairingRefusal) {
    var (connector, agent, nonce, signature, encPub): (String?, String?, String?, String?, String?)
    var wantsBoundAnswer: Bool?
    let isWhole = FlatJSON.scan(body) { key, value in
      if FlatJSON.isKey(key, "connectorAddress") { return FlatJSON.fill(&connector, Self.text(value)) }
      if FlatJSON.isKey(key, "agentId") { return FlatJSON.fill(&agent, Self.text(value)) }
      if FlatJSON.isKey(key, "nonce") { return FlatJSON.fill(&nonce, Self.text(value)) }
      if FlatJSON.isKey(key, "signature") { return FlatJSON.fill(&signature, Self.text(value)) }
      if FlatJSON.isKey(key, "encPub"), !FlatJSON.isNull(value) {
        return FlatJSON.fill(&encPub, Self.text(value))
      }
      if FlatJSON.isKey(key, "bindAnswer") { wantsBoundAnswer = FlatJSON.boolean(value) }
      return true
    }
    guard isWhole, let connector, let agent, let nonce, let signature else { throw .malformed }
    connectorAddress = connector
    agentID = agent
    self.nonce = nonce
    self.signature = signature
    self.encPub = encPub.flatMap { $0.isEmpty ? nil : $0 }
    self.wantsBoundAnswer = wantsBoundAnswer ?? false
  }

  private static func text(_ value: FlatJSON.Value) -> String? {
    FlatJSON.text(value).flatMap { $0.utf8.count <= longestMember ? $0 : nil }
  }

  /// The request body.
  public func encoded() -> [UInt8] {
    var members: [String: SortedJSON.Value] = [
      "connectorAddress": .text(connectorAddress), "agentId": .text(agentID), "nonce": .text(nonce),
      "signature": .text(signature),
    ]
    members["encPub"] = encPub.map { .text($0) }
    members["bindAnswer"] = wantsBoundAnswer ? .boolean(true) : nil
    return SortedJSON.encode(members)
  }

  /// Checks that whoever it names signed it.
  /// - Throws: ``PairingRefusal/wrongSignature``.
  public func verified() throws(PairingRefusal) -> VerifiedPairingRequest {
    guard let connector = Address(ignoringChecksum: connectorAddress),
      let signature = RecoverableSignature(hex: signature),
      signature.recoverAddress(of: Self.signedPayload(nonce: nonce, encPub: encPub), in: .pairing)
        == connector
    else { throw .wrongSignature }
    return VerifiedPairingRequest(self, by: connector)
  }

  private static func signedPayload(nonce: String, encPub: String?) -> [UInt8] {
    Array((encPub.map { "\(nonce):\($0)" } ?? nonce).utf8)
  }
}

/// A request that was signed by whom it names. Only ``PairingRequest/verified()`` makes one. Whether its nonce is one of
/// this host's, and which agent it is about, is looked at next.
public struct VerifiedPairingRequest: Hashable, Sendable {
  public let request: PairingRequest
  /// Who asks.
  public let connector: Address

  fileprivate init(_ request: PairingRequest, by connector: Address) {
    self.request = request
    self.connector = connector
  }

  /// What both ends show.
  public var words: PairingWords {
    PairingWords(
      agent: request.agentID, nonce: request.nonce, connector: connector, encPub: request.encPub)
  }
}
