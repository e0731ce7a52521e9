public import Identity
public import Pairing

/// What can go wrong between this machine and a peer, each with what a person can do about it. No case carries a secret.
public enum ConnectorError: Error, Hashable, Sendable {
  // What a person wrote.

  /// The base URL of a peer is not usable.
  case invalidURL(reason: String)
  /// The name of a peer is not usable.
  case invalidName
  /// The key is no access key.
  case invalidKey

  // The book of peers.

  /// No peer has that name.
  case noSuchPeer(String)
  /// A peer of that name is there already.
  case peerExists(String)
  /// The key store has no key for the peer.
  case noKey(peer: String)
  /// The book holds as many peers as it can.
  case bookFull

  // A proxy.

  /// Another program listens at the port.
  case portInUse(Int)

  // The way to the peer. Nothing was run.

  /// No connection could be made.
  case unreachable(url: String)
  /// The peer did not answer the handshake in time.
  case handshakeTimedOut(url: String)
  /// The peer points to another URL.
  case redirected(url: String)

  // The handshake. Nothing was run.

  /// Somebody else than the pinned agent signed it.
  case wrongSigner(pinned: Address, actual: Address?)
  /// The answer is not a handshake of version 1.
  case badHandshake
  /// The session would end in the past, or too far in the future.
  case clockMismatch
  /// The peer has no agent of that address, or no secure channel.
  case noSuchAgent(Address)
  /// Too many handshakes in a short time.
  case tooManyHandshakes

  // An invite.

  /// The host says that it made no such invite.
  case inviteUnknown
  /// The host says that the invite was redeemed before.
  case inviteUsed
  /// The host says that the invite was taken back.
  case inviteRevoked
  /// The host says that the invite has ended.
  case inviteExpired
  /// The invite was sent, and no answer came.
  case inviteUnanswered(url: String)
  /// An answer came that the agent of the invite did not give.
  case untrustedAnswer(PairingError)

  // Pairing.

  /// What names an agent is neither an id nor an address, or not that of the address beside it.
  case invalidAgent
  /// The owner said no, or nothing.
  case pairingDenied
  /// The owner is being asked about somebody else.
  case pairingBusy
  /// The network of this machine asked too often, or was denied just now.
  case tooManyPairings
  /// The host does not know its challenge any more.
  case pairingStale
  /// The host has no such agent, or does not let anybody ask for it.
  case notPairable(String)
  /// The host was asked, and no answer came.
  case pairingUnanswered(url: String)
  /// The host refuses in a way that pairing does not know.
  case pairingRefused(status: Int, message: String)

  // A call.

  /// The peer does not pad, and was asked to.
  case noPadding

  /// The connection broke after the call was sent.
  case lost
  /// Nothing was heard for so many seconds after the call was sent.
  case silent(seconds: Int)
  /// The peer says that it had this call before.
  case replayed
  /// The peer wants another way to be asked.
  case upgradeRequired
  /// The peer has more to do than it can.
  case busy
  /// Something on the way, or the peer before it opened the call, refuses. It is not known who says so.
  case rejected(status: Int, code: String?, message: String)
  /// The peer opened the call and refuses it.
  case refused(status: Int, code: String?, message: String)

  // An answer.

  /// The answer, or a piece of it, was not sealed by the peer for this call.
  case tampered
  /// The answer is larger than what is accepted.
  case answerTooLarge
  /// The answer is not of the expected form.
  case badAnswer(reason: String)
  /// A stream ended without its authenticated end.
  case streamTruncated
}

extension ConnectorError {
  /// Whether it speaks against the way to the peer, and not against what was asked.
  var isAboutTheWay: Bool {
    switch self {
    case .unreachable, .lost, .silent: true
    default: false
    }
  }

  /// Whether the peer may have done what was asked, although there is no answer that says so. Where it is false, asking again
  /// cannot make anything run twice, as far as those on the way tell the truth.
  public var mayHaveRun: Bool {
    switch self {
    case .lost, .silent, .replayed, .tampered, .answerTooLarge, .badAnswer, .streamTruncated,
      .inviteUnanswered, .pairingUnanswered:
      true
    // A relay that has no way to the agent asks nobody.
    case .rejected(502, "agent_offline", _): false
    // Whoever says so in the peer's place may have let the call through.
    case .rejected(401, "secure_session_unknown", _): true
    // Something on the way lost the answer, and perhaps nothing but that.
    case .rejected(let status, _, _): status >= 500
    default: false
    }
  }
}

extension ConnectorError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidURL(let reason):
      "The peer's URL is not usable: \(reason); it looks like http://192.168.1.10:1337."
    case .invalidName:
      "A peer's name has 1 to 64 characters, none of them '/' or a control character; choose another."
    case .invalidKey:
      "This is not an access key; it starts with 'osk-v1.' and is one line. Ask the peer's owner for it."
    case .noSuchPeer(let name):
      "There is no peer named '\(name)'; see 'osaurus-host connect list'."
    case .peerExists(let name):
      "There is a peer named '\(name)' already; choose another name, or 'osaurus-host connect forget' it first."
    case .noKey(let peer):
      "The key for '\(peer)' is not in the key store; 'osaurus-host connect forget' the peer and add it again."
    case .portInUse(let port):
      "Another program listens at 127.0.0.1:\(port), Ollama perhaps; choose another port with --port."
    case .bookFull: "No more peers can be kept; 'osaurus-host connect forget' one first."
    case .unreachable(let url):
      "\(url) cannot be reached; check that the peer runs there and, for https, that its certificate is valid."
    case .handshakeTimedOut(let url):
      "\(url) did not answer the handshake in time; check that an osaurus host is what answers there."
    case .redirected(let url):
      "\(url) points to another URL, which is not followed; add the peer under the URL where it really is."
    case .wrongSigner(let pinned, let actual):
      "The handshake was signed by \(actual?.checksummed ?? "nobody"), not by the pinned \(pinned); nothing was "
        + "asked. Have the owner confirm the address before you add the peer again."
    case .badHandshake:
      "The peer's handshake is malformed; nothing was asked. Check that the URL is that of an osaurus host."
    case .clockMismatch:
      "The peer offers a session whose end is not within the next two hours; check the clocks of both machines."
    case .noSuchAgent(let address):
      "The peer has no agent \(address), or no secure channel; ask its owner for the agent's present address."
    case .tooManyHandshakes: "The peer was asked for too many handshakes; wait a minute, then try again."
    case .inviteUnknown: "The host says that it made no such invite; ask its owner for a new one."
    case .inviteUsed:
      "The invite was redeemed before. If it was not you, tell its owner at once, who can revoke it and its key."
    case .inviteRevoked: "The invite was taken back by its owner; ask for a new one."
    case .inviteExpired: "The invite has expired; ask its owner for a new one."
    case .inviteUnanswered(let url):
      "\(url) did not answer; the invite may be used up. Try it once more, and else ask its owner for a new one."
    case .untrustedAnswer(let error): error.description
    case .invalidAgent:
      "An agent is named by its id or its address, and an address beside it has to be the same; see 'osaurus-host agent show' there."
    case .pairingDenied:
      "The owner did not let this machine in; ask the owner, and try again after half a minute."
    case .pairingBusy:
      "The owner is being asked about another device; wait a little, then try again."
    case .tooManyPairings:
      "This machine's network asked too often, or was denied just now; wait a minute, then try again."
    case .pairingStale: "The host does not know its challenge any more; try again."
    case .notPairable(let agent):
      "The host has no agent \(agent) that can be asked for; see there: 'osaurus-host agent list', 'agent set NAME --pairing'."
    case .pairingUnanswered(let url):
      "\(url) was asked, and no answer came. If its owner allowed it, have them revoke it, then try again."
    case .pairingRefused(let status, let message):
      message.isEmpty
        ? "The host refuses with status \(status), which pairing does not know; check the URL."
        : "The host refuses (\(status)): \(Self.sentence(message))"
    case .noPadding:
      "The peer does not know of padding; nothing was asked. Have its osaurus-host updated, or end padding with "
        + "'osaurus-host connect pad NAME --off'."
    case .lost:
      "The connection broke after the call was sent; it may have run. Look before you ask again."
    case .silent(let seconds):
      "Nothing was heard from the peer for \(seconds) seconds; the call may have run. Look before you ask again."
    case .replayed:
      "The peer says that it had this call before and does not run it again; somebody may be repeating your "
        + "traffic. Ask anew."
    case .upgradeRequired:
      "The peer wants to be asked in another way than this version knows; update osaurus-host here or there."
    case .busy: "The peer has too much to do at the moment; wait a little, then try again."
    case .rejected(502, "agent_offline", _):
      "The relay says that the peer is not connected to it, so nothing was asked; try again in a moment."
    case .rejected(401, "secure_session_unknown", _):
      "The peer does not know the session, it was said on the way, where nobody can prove it; the call may have run. "
        + "Look before you ask again."
    case .rejected(let status, let code, let message) where mayHaveRun:
      "Something on the way answered in the peer's place (\(message.isEmpty ? code ?? "\(status)" : message)); "
        + "the call may have run. Look before you ask again."
    case .rejected(let status, _, let message):
      message.isEmpty
        ? "The call was rejected outside of the channel with status \(status); check the peer's URL."
        : "The call was rejected outside of the channel (\(status)): \(Self.sentence(message))"
    case .refused(401, _, _):
      "The peer does not accept the key; ask its owner for a new one."
    case .refused(403, "agent_scope_denied", _):
      "The key is for another agent of the peer; ask its owner for a key for this one."
    case .refused(let status, _, let message):
      message.isEmpty
        ? "The peer refuses with status \(status)."
        : "The peer refuses (\(status)): \(Self.sentence(message))"
    case .tampered:
      "A piece of the answer was not sealed by the peer for this call; it was not used. The call may have run."
    case .answerTooLarge: "The answer is larger than what is accepted; ask for less."
    case .badAnswer(let reason): "The answer cannot be read: \(reason)."
    case .streamTruncated:
      "The answer ended before its last authenticated frame; what was shown may be incomplete."
    }
  }

  private static func sentence(_ message: String) -> String {
    message.hasSuffix(".") || message.hasSuffix("!") || message.hasSuffix("?") ? message : message + "."
  }
}
