import Synchronization

/// What the person who runs a proxy is told of its requests: each kind of trouble once, until it is another one.
final class ProxyNotes: Sendable {
  private let tell: @Sendable (String) -> Void
  private let last = Mutex<[Kind: String]>([:])

  private enum Kind: Hashable { case gate, peer }

  init(_ tell: @escaping @Sendable (String) -> Void) { self.tell = tell }

  /// A request was not let in.
  func turnedAway(_ refusal: ProxyRefusal) { note("A request was turned away: \(refusal.message)", .gate) }

  /// The peer answered with an error of its own.
  func refused(_ answer: PeerAnswer) {
    let refusal = Refusal(status: answer.status, body: answer.body)
    note(
      ConnectorError.refused(status: answer.status, code: refusal.code, message: refusal.message).description,
      .peer)
  }

  /// The peer could not be asked.
  func failed(_ error: ConnectorError) { note(error.description, .peer) }

  /// The peer answered well.
  func worked() { last.withLock { $0[.peer] = nil } }

  private func note(_ text: String, _ kind: Kind) {
    let isNew = last.withLock { last in
      defer { last[kind] = text }
      return last[kind] != text
    }
    if isNew { tell(text) }
  }
}
