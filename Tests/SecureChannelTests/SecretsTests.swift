import Crypto
import Foundation
import Identity
import Testing

@testable import SecureChannel

@Suite("Keys are not shown")
struct SecretsTests {
  /// Everything that printing, debugging and dumping a value would show.
  private func shown(_ value: Any) -> String {
    var text = "\(value) \(String(reflecting: value)) "
    dump(value, to: &text)
    return text.lowercased()
  }

  /// How four bytes of a key would look.
  private func traces(of key: some ContiguousBytes) -> [String] {
    let bytes = key.withUnsafeBytes { Array($0.prefix(4)) }
    return [
      hex(bytes), bytes.map(String.init).joined(separator: ", "),
      Data(bytes).base64EncodedString().prefix(5).lowercased(),
    ]
  }

  @Test("printing or dumping either end shows no key")
  func sessions() throws {
    let conversation = try Conversation()
    let (opener, sealer) = try conversation.exchange()
    let handshake = try Conversation.clientHandshake(with: conversation.agentKey.address)
    let (body, _) = conversation.client.seal(.models)
    let values: [Any] = [
      conversation.client, conversation.server, conversation.keys, opener, sealer, handshake,
      try conversation.open(body),
    ]
    let keys = [conversation.keys.clientToServer, conversation.keys.responseKey(for: 1)]
    let traces =
      keys.flatMap { self.traces(of: $0) }
      + self.traces(of: try Conversation.clientEphemeral().rawRepresentation)
    for value in values {
      let shown = shown(value)
      for trace in traces { #expect(!shown.contains(trace), "\(type(of: value))") }
    }
  }

  @Test("no error shows what was sealed")
  func errors() {
    let address = Address(ignoringChecksum: "0xeef1189b0322da78632ac7d7d6da57dca6d9570f")!
    for error in [
      SecureChannelError.invalidHandshake, .unsupportedVersion, .unknownAgent, .malformedHandshake,
      .malformedCall, .malformedInnerRequest, .sessionUnknown, .decryptionFailed, .replayed,
      .invalidServerHello, .identityMismatch(expected: address, actual: nil), .unreasonableExpiry,
      .streamTruncated, .malformedFrame, .alreadyFinished,
    ] {
      #expect(!error.description.isEmpty)
    }
  }

  @Test(
    "a refusal has the status and the code that clients know",
    arguments: [
      (.invalidHandshake, 400, nil), (.unsupportedVersion, 400, nil), (.malformedHandshake, 400, nil),
      (.unknownAgent, 404, nil), (.malformedCall, 400, "secure_malformed"),
      (.malformedInnerRequest, 400, "secure_malformed"), (.sessionUnknown, 401, "secure_session_unknown"),
      (.decryptionFailed, 400, "secure_decrypt_failed"), (.replayed, 409, "secure_replay"),
    ] as [(SecureChannelError, Int, String?)])
  func wire(error: SecureChannelError, status: Int, code: String?) {
    #expect(error.wire?.status == status && error.wire?.code == code)
  }
}
