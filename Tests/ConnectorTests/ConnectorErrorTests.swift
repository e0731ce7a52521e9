import Identity
import Pairing
import SecureChannel
import Testing

@testable import Connector

@Suite("Connector errors")
struct ConnectorErrorTests {
  private static let address = Address(ignoringChecksum: "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")!

  @Test(
    "an error reads as sentences",
    arguments: [
      .invalidURL(reason: "it does not parse"), .invalidName, .invalidKey, .noSuchPeer("a"), .peerExists("a"),
      .noKey(peer: "a"), .bookFull, .unreachable(url: "http://a"), .handshakeTimedOut(url: "http://a"),
      .redirected(url: "http://a"), .wrongSigner(pinned: address, actual: nil),
      .wrongSigner(pinned: address, actual: address), .badHandshake, .clockMismatch, .noSuchAgent(address),
      .tooManyHandshakes, .inviteUnknown, .inviteUsed, .inviteRevoked, .inviteExpired,
      .inviteUnanswered(url: "http://a"), .untrustedAnswer(.unsealedKey), .invalidAgent, .noPadding,
      .pairingDenied, .pairingBusy, .tooManyPairings, .pairingStale, .notPairable("a"),
      .pairingUnanswered(url: "http://a"), .pairingRefused(status: 299, message: ""),
      .pairingRefused(status: 500, message: "Why"), .lost, .silent(seconds: 120),
      .replayed, .upgradeRequired, .busy,
      .rejected(status: 502, code: "agent_offline", message: ""),
      .rejected(status: 502, code: nil, message: ""),
      .rejected(status: 502, code: "tunnel_closed", message: ""),
      .rejected(status: 500, code: nil, message: "Why"),
      .rejected(status: 400, code: nil, message: ""), .rejected(status: 400, code: "a", message: "Why"),
      .refused(status: 401, code: nil, message: "a"),
      .refused(status: 403, code: "agent_scope_denied", message: "a"),
      .refused(status: 500, code: nil, message: ""), .refused(status: 500, code: nil, message: "Why."),
      .tampered,
      .answerTooLarge, .badAnswer(reason: "it is too large"), .streamTruncated,
    ] as [ConnectorError])
  func readsAsASentence(error: ConnectorError) {
    let text = "\(error)"
    #expect(text.hasSuffix("."))
    #expect(!text.hasSuffix(".."))
    #expect(!text.contains("\n"))
    #expect(!text.contains("Optional"))
  }

  @Test("it says of every call without an answer whether it may have run")
  func mayHaveRun() {
    let may: [ConnectorError] = [
      .lost, .silent(seconds: 1), .replayed, .tampered, .streamTruncated,
      .rejected(status: 502, code: "tunnel_closed", message: ""),
      .rejected(status: 504, code: nil, message: ""),
      .rejected(status: 500, code: nil, message: "Why"),
    ]
    for error in may {
      #expect(error.mayHaveRun, "\(error)")
      if case .rejected = error { #expect("\(error)".contains("the call may have run")) }
    }
    let mayNot: [ConnectorError] = [
      .unreachable(url: "http://a"), .handshakeTimedOut(url: "http://a"), .busy, .badHandshake,
      .rejected(status: 502, code: "agent_offline", message: ""),
      .rejected(status: 404, code: nil, message: ""),
      .refused(status: 500, code: nil, message: ""),
    ]
    for error in mayNot {
      #expect(!error.mayHaveRun && !"\(error)".contains("may have run"), "\(error)")
    }
  }

  @Test(
    "what the channel refuses has a name here",
    arguments: [
      (.identityMismatch(expected: address, actual: nil), .wrongSigner(pinned: address, actual: nil)),
      (.unreasonableExpiry, .clockMismatch), (.invalidServerHello, .badHandshake),
      (.unsupportedVersion, .badHandshake), (.malformedFrame, .tampered), (.decryptionFailed, .tampered),
      (.streamTruncated, .streamTruncated),
    ] as [(SecureChannelError, ConnectorError)])
  func channel(error: SecureChannelError, meaning: ConnectorError) {
    #expect(ConnectorError(error) == meaning)
  }
}
