/// How much of everything a relay takes from whom.
public struct RelayLimits: Hashable, Sendable {
  // MARK: Requests

  /// Bytes of a request's or an answer's body.
  public var bodyBytes = 10 << 20
  /// Header fields of a request or an answer.
  public var headerFields = 200
  /// Bytes of all headers of a request or an answer.
  public var headerBytes = 64 << 10
  /// Requests a minute for one agent.
  public var requestsPerMinute = 100
  /// Requests that one tunnel answers at a time.
  public var requestsPerTunnel = 256
  /// How long a host may take until it begins to answer.
  public var answerTimeout = Duration.seconds(30)
  /// How long a stream may pause.
  public var streamTimeout = Duration.seconds(30)
  /// Bytes of one stream that wait for a slow caller before the stream is broken off.
  public var streamBytes = 4 << 20
  /// Bytes of all bodies and messages together that the relay holds.
  public var heldBytes = 512 << 20
  /// And that it holds of one network.
  public var heldBytesPerSource = 128 << 20

  // MARK: Tunnels

  /// New tunnels a minute from one network.
  public var connectsPerMinute = 5
  /// Tunnels from one network, also those that have proved nothing yet.
  public var tunnelsPerSource = 10
  /// Agents of one tunnel.
  public var agentsPerTunnel = 50
  /// Tunnels in all.
  public var tunnels = 2_000
  /// Agents in all.
  public var agents = 50_000
  /// How long a host may take to authenticate.
  public var authTimeout = Duration.seconds(10)
  /// How long a challenge that was asked for can be answered.
  public var challengeLifetime = Duration.seconds(30)
  /// How far the clock of a host may be from the relay's.
  public var clockSkew = Duration.seconds(30)
  /// How often a host is asked whether it is there.
  public var pingInterval = Duration.seconds(30)
  /// How many times in a row it may not answer.
  public var missedPings = 3
  /// How long the holder of an agent may take to show that it is there when somebody else proves to be that agent.
  public var takeoverWait = Duration.seconds(5)
  /// Frames about agents a minute from one tunnel.
  public var controlFramesPerMinute = 240
  /// Bytes of a message from a host that has not authenticated.
  public var unprovenBytes = 64 << 10
  /// Bytes that wait for a host to read them.
  public var tunnelBytes = 32 << 20

  // MARK: Connections

  /// Connections in all.
  public var connections = 10_000
  /// Connections from one network.
  public var connectionsPerSource = 100
  /// How long a request's line and headers may take, and a connection's first request.
  public var headTimeout = Duration.seconds(10)
  /// How long a body may pause, and how far it may be behind `bodyRate`.
  public var bodyTimeout = Duration.seconds(30)
  /// Bytes a second that a body has to come with.
  public var bodyRate = 16 << 10
  /// How long a connection may stay without a request.
  public var idleTimeout = Duration.seconds(60)
  /// How long a caller or a host may leave what it was sent unread.
  public var writeTimeout = Duration.seconds(30)
  /// How long the other side of a connection that the relay ends may take to end it, too.
  public var closeTimeout = Duration.seconds(1)
  /// Requests a minute from one network for `/stats`.
  public var statsPerMinute = 10
  /// How long running answers may take after the relay was told to stop.
  public var drainTimeout = Duration.seconds(10)

  public init() {}

  /// How much of a stream a host that understands windows has under way.
  var streamWindow: Int { StreamWindow.size(keeping: streamBytes) }

  /// What a frame may hold.
  var frames: FrameLimits {
    FrameLimits(bodyBytes: bodyBytes, headerFields: headerFields, headerBytes: headerBytes, agents: 1024)
  }
}
