/// What a program is answered: in one piece with its status, or as a stream, in words of its own where it speaks
/// another API than the peer.
enum ProxyAnswer: Sendable {
  case whole(PeerAnswer)
  case stream(PeerStream, (any StreamTranslation)?)

  init(_ answer: ForwardedAnswer) {
    self =
      switch answer {
      case .whole(let whole): .whole(whole)
      case .stream(let stream): .stream(stream, nil)
      }
  }
}

/// Says in other words what comes in a stream, as it comes.
protocol StreamTranslation: Sendable {
  /// What to pass on for the next piece, however the stream is cut.
  /// - Throws: ``ConnectorError``.
  mutating func feed(_ piece: [UInt8]) throws -> [UInt8]

  /// What to pass on once the authenticated end has come.
  /// - Throws: ``ConnectorError``.
  mutating func finish() throws -> [UInt8]
}
