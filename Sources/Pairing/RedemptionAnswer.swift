import Foundation
public import Identity
public import SecretMemory

/// What a host answers to an invite that it takes. (spec/02, C6)
public struct RedemptionAnswer: Codable, Sendable {
  public let agentAddress: Address
  public let agentDescription: String?
  public let agentName: String
  /// Empty where the key is sealed.
  private let apiKey: String
  public let relayBaseURL: String
  private let sealedApiKey: SealedAccessKey?
  private let secureChannel: Bool
  /// The agent's signature over what was sealed, for whom and to which invite.
  private let serverSignature: String?

  // MARK: The host's side

  /// Seals a key for whoever sent the request, and signs that.
  /// - Throws: ``PairingError/invalidEncryptionKey``.
  public init(
    to request: RedemptionRequest, details: InviteDetails, key: MintedAccessKey, signedBy agent: SigningKey
  ) throws(PairingError) {
    agentAddress = agent.address
    agentDescription = details.description
    agentName = details.name
    relayBaseURL = details.url
    secureChannel = true
    guard let encPub = request.encPub, !encPub.isEmpty else {
      apiKey = key.withText { $0 }
      sealedApiKey = nil
      serverSignature = nil
      return
    }
    let nonce = request.invite.nonce.text
    let sealed = try SealedAccessKey(sealing: key, of: agent.address, nonce: nonce, to: encPub)
    apiKey = ""
    sealedApiKey = sealed
    serverSignature =
      agent.sign(
        Self.signedPayload(agent: agent.address, nonce: nonce, encPub: encPub, sealed), in: .pairingServer
      ).prefixedHex
  }

  /// The body of the answer: keys in ascending order, slashes as they are.
  public func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(self))
  }

  // MARK: The receiver's side

  /// The largest answer, in bytes.
  public static let longest = 64 * 1024

  /// Reads an answer. Nothing of it is believed until ``key(for:with:now:)``.
  /// - Throws: ``PairingError/malformedAnswer``.
  public init(parsing body: [UInt8]) throws(PairingError) {
    guard body.count <= Self.longest,
      let answer = try? JSONDecoder().decode(RedemptionAnswer.self, from: Data(body))
    else { throw .malformedAnswer }
    self = answer
  }

  /// The access key, if the agent that invited sealed it for this receiver, and it is a key of that agent.
  ///
  /// An invite whose details are signed comes from a host that signs its answers, so there the signature has to be
  /// there; other hosts send none.
  /// - Parameter now: the time, in Unix seconds.
  /// - Throws: ``PairingError``, for the first thing that is wrong.
  public func key(
    for invite: VerifiedInvite, with receiver: ReceivingKey, now: Int64
  ) throws(PairingError) -> SecretBytes {
    let (agent, nonce) = (invite.invite.agent, invite.invite.nonce.text)
    guard agentAddress == agent else { throw .otherAgent(expected: agent, actual: agentAddress) }
    guard let sealed = sealedApiKey else { throw apiKey.isEmpty ? .malformedAnswer : .unsealedKey }
    guard apiKey.isEmpty else { throw .unsealedKey }
    if invite.detailsAreSigned || serverSignature != nil {
      let payload = Self.signedPayload(agent: agent, nonce: nonce, encPub: receiver.encPub, sealed)
      let signature = serverSignature.flatMap { RecoverableSignature(hex: $0) }
      guard signature?.recoverAddress(of: payload, in: .pairingServer) == agent else {
        throw .unsignedAnswer
      }
    }
    return try sealed.openKey(of: agent, nonce: nonce, with: receiver, now: now)
  }

  /// What the agent signs: all that an answer binds together, so that none of it can be put into another one's place.
  private static func signedPayload(
    agent: Address, nonce: String, encPub: String, _ sealed: SealedAccessKey
  ) -> [UInt8] {
    Array(
      "osaurus-invite-server-v1:\(agent.lowercased):\(nonce):\(encPub):\(sealed.enc):\(sealed.ct)".utf8)
  }
}

extension RedemptionAnswer: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "answer of \(agentAddress) to an invite" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
