public import Identity

/// How a host's tunnel to a relay is.
public struct TunnelStatus: Hashable, Sendable {
  /// The tunnel itself.
  public enum Connection: Hashable, Sendable {
    /// There is nothing to expose.
    case off
    /// It is being opened.
    case opening
    /// It broke, or could not be opened; it is opened again after so many seconds.
    case waiting(TunnelFault, seconds: Int)
    case open
  }

  /// An agent that is to be reached through the relay.
  public struct Agent: Hashable, Sendable {
    public enum Standing: Hashable, Sendable {
      /// The relay has not been told yet, or has not answered.
      case waiting
      /// The relay does not take it; it is asked again now and then.
      case rejected(reason: String)
      /// The relay takes requests for it at this URL.
      case up(url: String, Route)
    }

    public let address: Address
    public let standing: Standing
  }

  /// Whether requests to an agent's public URL are known to arrive here.
  public enum Route: Hashable, Sendable {
    case checking
    /// One did, and what this host answered came back.
    case proven
    case failed(reason: String)
  }

  public let connection: Connection
  /// In the order of their addresses.
  public let agents: [Agent]

  public static let off = TunnelStatus(connection: .off, agents: [])

  /// Where an agent is reached; nil where the relay does not take requests for it.
  public func url(of address: Address) -> String? {
    guard case .up(let url, _)? = agents.first(where: { $0.address == address })?.standing else { return nil }
    return url
  }

  /// Whether requests to an agent's public URL are known to arrive here.
  public func isProven(_ address: Address) -> Bool {
    guard case .up(_, .proven)? = agents.first(where: { $0.address == address })?.standing else {
      return false
    }
    return true
  }
}

/// Why a tunnel is not there.
public enum TunnelFault: Error, Hashable, Sendable {
  /// No connection could be made.
  case unreachable(reason: String)
  /// What answers there opens no tunnel.
  case notATunnel
  /// It broke.
  case lost
  /// The relay said nothing for too long.
  case silent
  /// The relay sent what is no frame.
  case malformed
  /// The relay turned this host away.
  case refused(code: String)
}

extension TunnelFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreachable(let reason): "the relay cannot be reached (\(reason))"
    case .notATunnel: "what answers at the relay's URL opens no tunnel, or not now"
    case .lost: "the connection to the relay broke"
    case .silent: "the relay said nothing for too long"
    case .malformed: "the relay sent what is no frame"
    case .refused(let code): "the relay turned this host away: \(code)"
    }
  }
}
