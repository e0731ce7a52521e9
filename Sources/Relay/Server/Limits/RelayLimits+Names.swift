/// A limit by its name: how its value is read and set from a command line or the environment.
public struct RelayLimit: Sendable {
  public enum Unit: String, Sendable {
    case number, bytes, seconds
  }

  private enum Place: Sendable {
    case number(any WritableKeyPath<RelayLimits, Int> & Sendable, Unit)
    case time(any WritableKeyPath<RelayLimits, Duration> & Sendable)
  }

  /// As it is written on the command line: `requests-per-minute`.
  public let name: String
  /// What it limits, for a person.
  public let meaning: String
  private let place: Place

  /// The environment variable that sets it.
  public var variable: String { "OSAURUS_RELAY_" + name.uppercased().replacing("-", with: "_") }

  public var unit: Unit {
    switch place {
    case .number(_, let unit): unit
    case .time: .seconds
    }
  }

  /// Its value: a number, bytes, or seconds.
  public func value(in limits: RelayLimits) -> Int {
    switch place {
    case .number(let path, _): limits[keyPath: path]
    case .time(let path): Int(limits[keyPath: path].components.seconds)
    }
  }

  /// Sets it. Nothing can be unlimited: 1 to a billion.
  public func set(_ value: Int, in limits: inout RelayLimits) throws(RelayError) {
    guard 1...1_000_000_000 ~= value else {
      throw .invalidSetting(name: name, reason: "It takes 1 to 1000000000.")
    }
    switch place {
    case .number(let path, _): limits[keyPath: path] = value
    case .time(let path):
      guard value <= 86_400 else {
        throw .invalidSetting(name: name, reason: "It takes at most a day of seconds.")
      }
      limits[keyPath: path] = .seconds(value)
    }
  }

  /// Sets the limit that a text like `requests-per-minute=200` names.
  public static func apply(_ text: String, to limits: inout RelayLimits) throws(RelayError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let limit = all.first(where: { $0.name == parts[0] }) else {
      throw .unknownLimit(String(parts[0]))
    }
    guard let value = Int(parts[1]) else {
      throw .invalidSetting(name: limit.name, reason: "It takes a whole number of \(limit.unit.rawValue).")
    }
    try limit.set(value, in: &limits)
  }

  /// Sets the limits that an environment names.
  public static func apply(environment: [String: String], to limits: inout RelayLimits) throws(RelayError) {
    for limit in all {
      guard let text = environment[limit.variable], !text.isEmpty else { continue }
      try apply("\(limit.name)=\(text)", to: &limits)
    }
  }

  private init(
    _ name: String, _ path: any WritableKeyPath<RelayLimits, Int> & Sendable, _ meaning: String,
    unit: Unit = .number
  ) {
    (self.name, self.meaning, place) = (name, meaning, .number(path, unit))
  }

  private init(
    _ name: String, _ path: any WritableKeyPath<RelayLimits, Duration> & Sendable, _ meaning: String
  ) {
    (self.name, self.meaning, place) = (name, meaning, .time(path))
  }

  /// Every limit.
  public static let all: [RelayLimit] = [
    RelayLimit("body-bytes", \.bodyBytes, "the body of a request or an answer", unit: .bytes),
    RelayLimit("header-fields", \.headerFields, "header fields of a request or an answer"),
    RelayLimit("header-bytes", \.headerBytes, "all headers of a request or an answer", unit: .bytes),
    RelayLimit("requests-per-minute", \.requestsPerMinute, "requests a minute for one agent"),
    RelayLimit("requests-per-tunnel", \.requestsPerTunnel, "requests that one tunnel answers at a time"),
    RelayLimit("answer-timeout", \.answerTimeout, "until a host begins to answer"),
    RelayLimit("stream-timeout", \.streamTimeout, "that a stream may pause"),
    RelayLimit("stream-bytes", \.streamBytes, "of one stream that wait for a slow caller", unit: .bytes),
    RelayLimit("held-bytes", \.heldBytes, "of all bodies that the relay holds", unit: .bytes),
    RelayLimit(
      "held-bytes-per-source", \.heldBytesPerSource, "of the bodies of one network", unit: .bytes),
    RelayLimit("connects-per-minute", \.connectsPerMinute, "new tunnels a minute from one network"),
    RelayLimit("tunnels-per-source", \.tunnelsPerSource, "tunnels from one network"),
    RelayLimit("agents-per-tunnel", \.agentsPerTunnel, "agents of one tunnel"),
    RelayLimit("tunnels", \.tunnels, "tunnels in all"),
    RelayLimit("agents", \.agents, "agents in all"),
    RelayLimit("auth-timeout", \.authTimeout, "that a host may take to authenticate"),
    RelayLimit("challenge-lifetime", \.challengeLifetime, "that a challenge can be answered"),
    RelayLimit("clock-skew", \.clockSkew, "that a host's clock may be off"),
    RelayLimit("ping-interval", \.pingInterval, "between two questions whether a host is there"),
    RelayLimit("missed-pings", \.missedPings, "of them that may stay unanswered"),
    RelayLimit("takeover-wait", \.takeoverWait, "that the holder of an agent has to show that it is there"),
    RelayLimit("control-frames-per-minute", \.controlFramesPerMinute, "frames about agents from one tunnel"),
    RelayLimit("unproven-bytes", \.unprovenBytes, "from a host before it authenticated", unit: .bytes),
    RelayLimit("tunnel-bytes", \.tunnelBytes, "that wait for one host to read them", unit: .bytes),
    RelayLimit("connections", \.connections, "connections in all"),
    RelayLimit("connections-per-source", \.connectionsPerSource, "connections from one network"),
    RelayLimit("head-timeout", \.headTimeout, "that a request's headers may take"),
    RelayLimit("body-timeout", \.bodyTimeout, "that a body may pause or be late"),
    RelayLimit("body-rate", \.bodyRate, "a second that a body has to come with", unit: .bytes),
    RelayLimit("idle-timeout", \.idleTimeout, "that a connection may stay without a request"),
    RelayLimit("write-timeout", \.writeTimeout, "that an answer may stay unread"),
    RelayLimit("close-timeout", \.closeTimeout, "that the other side of an ended connection has to end it"),
    RelayLimit("stats-per-minute", \.statsPerMinute, "requests for /stats a minute from one network"),
    RelayLimit("drain-timeout", \.drainTimeout, "that running answers have when the relay stops"),
  ]
}
