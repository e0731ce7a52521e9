import Foundation
public import Identity
public import SecretMemory

/// What a host answers to a pairing that its owner allowed. (spec/02, C3)
public struct PairingAnswer: Codable, Sendable {
  public let agentAddress: Address
  /// The agent's signature over all that the answer binds together; there for whoever asks for it.
  private let answerSignature: String?
  /// Empty where the key is sealed.
  private let apiKey: String
  /// Whether the key never ends.
  public let isPermanent: Bool
  private let sealedApiKey: SealedAccessKey?
  private let secureChannel: Bool
  /// The agent's signature over its address and the nonce.
  private let serverSignature: String?

  // MARK: The host's side

  /// Seals a key for whoever sent the request, and signs the answer.
  /// - Throws: ``PairingError/invalidEncryptionKey``.
  public init(
    to verified: VerifiedPairingRequest, key: MintedAccessKey, isPermanent: Bool, signedBy agent: SigningKey
  ) throws(PairingError) {
    let request = verified.request
    agentAddress = agent.address
    self.isPermanent = isPermanent
    secureChannel = true
    serverSignature =
      agent.sign(Self.signedPayload(agent.address, request.nonce), in: .pairingServer).prefixedHex
    guard let encPub = request.encPub else {
      apiKey = key.withText { $0 }
      sealedApiKey = nil
      answerSignature = nil
      return
    }
    let sealed = try SealedAccessKey(sealing: key, of: agent.address, nonce: request.nonce, to: encPub)
    apiKey = ""
    sealedApiKey = sealed
    answerSignature =
      request.wantsBoundAnswer
      ? agent.sign(
        Self.boundPayload(agent.address, to: verified, encPub, sealed, isPermanent), in: .pairingServer
      ).prefixedHex : nil
  }

  /// The body of the answer: keys in ascending order, slashes as they are.
  public func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(self))
  }

  // MARK: The connector's side

  /// The largest answer, in bytes.
  public static let longest = 64 * 1024

  /// Reads an answer. Nothing of it is believed until ``key(for:from:with:now:)``.
  /// - Throws: ``PairingError/malformedAnswer``.
  public init(parsing body: [UInt8]) throws(PairingError) {
    guard body.count <= Self.longest,
      let answer = try? JSONDecoder().decode(PairingAnswer.self, from: Data(body))
    else { throw .malformedAnswer }
    self = answer
  }

  /// The access key, if the agent sealed it for this connector, and it is a key of that agent.
  ///
  /// - Parameters:
  ///   - expected: who has to answer; nil where that is not known beforehand, and ``agentAddress`` is what is left for a
  ///     person to compare.
  ///   - now: the time, in Unix seconds.
  /// - Throws: ``PairingError``, for the first thing that is wrong.
  public func key(
    for verified: VerifiedPairingRequest, from expected: Address?, with receiver: ReceivingKey, now: Int64
  ) throws(PairingError) -> SecretBytes {
    let request = verified.request
    if let expected, expected != agentAddress {
      throw .otherAgent(expected: expected, actual: agentAddress)
    }
    guard let sealed = sealedApiKey else { throw apiKey.isEmpty ? .malformedAnswer : .unsealedKey }
    guard apiKey.isEmpty else { throw .unsealedKey }
    try check(serverSignature, over: Self.signedPayload(agentAddress, request.nonce))
    if PairingNonce(request.nonce)?.promisesBoundAnswer == true || answerSignature != nil {
      try check(
        answerSignature,
        over: Self.boundPayload(agentAddress, to: verified, receiver.encPub, sealed, isPermanent))
    }
    return try sealed.openKey(of: agentAddress, nonce: request.nonce, with: receiver, now: now)
  }

  private func check(_ signature: String?, over payload: [UInt8]) throws(PairingError) {
    let signer = signature.flatMap { RecoverableSignature(hex: $0) }?
      .recoverAddress(of: payload, in: .pairingServer)
    guard signer == agentAddress else { throw .unsignedAnswer }
  }

  // MARK: What is signed

  private static func signedPayload(_ agent: Address, _ nonce: String) -> [UInt8] {
    Array("osaurus-pairing-server-v1:\(agent.lowercased):\(nonce)".utf8)
  }

  private static func boundPayload(
    _ agent: Address, to verified: VerifiedPairingRequest, _ encPub: String, _ sealed: SealedAccessKey,
    _ isPermanent: Bool
  ) -> [UInt8] {
    let length = isPermanent ? "permanent" : "limited"
    return Array(
      """
      osaurus-pairing-answer-v1:\(agent.lowercased):\(verified.connector.lowercased):\(verified.request.nonce):\
      \(encPub):\(sealed.enc):\(sealed.ct):\(length)
      """.utf8)
  }
}

extension PairingAnswer: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "answer of \(agentAddress) to a pairing request" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
