/// How much is taken from a peer, and how long it is waited for.
struct PeerLimits: Sendable {
  /// The largest answer to a handshake, in bytes on the wire.
  var handshakeBytes = 64 * 1024
  /// The largest whole answer, in bytes on the wire.
  var answerBytes = 64 * 1024 * 1024
  /// The largest event of a stream, in bytes on the wire.
  var eventBytes = 16 * 1024 * 1024
  /// The largest answer from outside of the channel, in bytes: only errors come from there.
  var refusalBytes = 16 * 1024
  /// For a whole handshake, the connection included.
  var handshake: Duration = .seconds(20)
  /// The same at a place besides which there is another one.
  var handshakeBeforeNext: Duration = .seconds(3)
  /// For how long a session by way of another place than the first is used before the first is tried again, in seconds.
  var detour: Int64 = 300
  /// For bringing an invite, the connection included.
  var redemption: Duration = .seconds(30)
  /// For a challenge, the connection included.
  var challenge: Duration = .seconds(30)
  /// For the owner's word: the host's two minutes, and some more for the way.
  var pairing: Duration = .seconds(130)
  /// Until an answer begins: the peer may have to load a model first, or make the whole answer.
  var answer: Duration = .seconds(600)
  /// Between two pieces of an answer.
  var silence: Duration = .seconds(120)
  /// For the end of a connection after the authenticated end of an answer.
  var ending: Duration = .seconds(1)
  /// A session that ends within so many seconds is replaced beforehand.
  var renewal: Int64 = 60
}
