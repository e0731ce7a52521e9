/// How much of everything a host takes from whom. Tests make them small; people hardly ever change them.
struct HostLimits: Hashable, Sendable {
  // MARK: Requests

  /// Header fields of one request.
  var headerFields = 200
  /// Bytes of one request's line and headers together.
  var headerBytes = 1 << 20
  /// Bytes of a body sent to open a channel or to pair.
  var handshakeBodyBytes = 64 << 10
  /// Bytes of any other body.
  var bodyBytes = 32 << 20
  /// How deep JSON may nest.
  var jsonDepth = 256
  /// Bytes of all bodies together that are held while they are read and answered.
  var heldBodyBytes = 256 << 20

  // MARK: Connections

  /// TCP connections at a time.
  var connections = 512
  /// TCP connections at a time from one network (one IPv4 address, one IPv6 /64, this machine).
  var connectionsPerSource = 64
  /// How long a request's line and headers may take, from their first byte.
  var headTimeout = Duration.seconds(10)
  /// How long a body may pause, and how far it may be behind `bodyRate`.
  var bodyTimeout = Duration.seconds(60)
  /// Bytes a second that a body has to come with.
  var bodyRate = 16 << 10
  /// How long a connection may stay without a request.
  var idleTimeout = Duration.seconds(60)
  /// How long a caller may leave what it was sent unread.
  var writeTimeout = Duration.seconds(60)
  /// How long a caller that was refused may go on sending before the connection is cut.
  var lingerTimeout = Duration.seconds(1)
  /// How long an answer goes on after the caller closed its side.
  var departureGrace = Duration.milliseconds(250)
  /// How long running answers may take after the host was told to stop.
  var drainTimeout = Duration.seconds(5)

  // MARK: Secure channels

  /// Handshakes a minute from one network; nil for no limit.
  var handshakesPerMinute: Int? = 5
  /// Open sessions in all.
  var sessions = 256
  /// Open sessions of one network.
  var sessionsPerSource = 32
  /// How long a session lasts, in seconds.
  var sessionLifetime: Int64 = 3600
}
