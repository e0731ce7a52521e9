import Foundation
import Identity
import Logging
import NIOCore

/// What all connections of a relay share.
final class Switchboard: Sendable {
  let settings: RelaySettings
  let proxies: TrustedProxies
  let urls: AgentURLs
  let directory: TunnelDirectory
  let statistics = RelayStatistics()
  let answering = Answering()
  let budget: ByteBudget
  /// Attempts to open a tunnel.
  let connects: SourceLimiter
  /// Sockets of tunnels, also of those that have proved nothing.
  let tunnels: SourceCount
  let connections: SourceCount
  let statsReads: SourceLimiter
  let logger: Logger
  /// The Unix second of now.
  let now: @Sendable () -> Int64

  var limits: RelayLimits { settings.limits }

  init(
    _ settings: RelaySettings, port: Int, logger: Logger,
    now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
  ) {
    self.settings = settings
    self.logger = logger
    self.now = now
    let limits = settings.limits
    proxies = TrustedProxies(ranges: settings.trustedProxies)
    urls = AgentURLs(settings, port: port)
    directory = TunnelDirectory(limits: limits)
    budget = ByteBudget(limit: limits.heldBytes, perSource: limits.heldBytesPerSource)
    connects = SourceLimiter(perMinute: limits.connectsPerMinute)
    tunnels = SourceCount(limit: limits.tunnels, perSource: limits.tunnelsPerSource)
    connections = SourceCount(limit: limits.connections, perSource: limits.connectionsPerSource)
    statsReads = SourceLimiter(perMinute: limits.statsPerMinute)
  }
}

/// Where the world reaches a relay and its agents.
struct AgentURLs: Hashable, Sendable {
  /// `https://relay.example`, without a slash at its end.
  let relay: String
  private let scheme: String
  private let authority: String
  private let form: RelaySettings.AgentForm

  init(_ settings: RelaySettings, port: Int) {
    form = settings.form
    if let url = settings.publicURL, let colon = url.range(of: "://") {
      scheme = String(url[..<colon.lowerBound])
      authority = String(url[colon.upperBound...])
    } else if settings.certificate != nil {
      (scheme, authority) = ("https", Self.authority(settings.domain, port, standard: 443))
    } else if !settings.trustedProxies.isEmpty {
      // The proxy is what the world sees.
      (scheme, authority) = ("https", settings.domain.text)
    } else {
      (scheme, authority) = ("http", Self.authority(settings.domain, port, standard: 80))
    }
    relay = "\(scheme)://\(authority)"
  }

  func url(of agent: Address) -> String {
    switch form {
    case .subdomain: "\(scheme)://\(agent.lowercased).\(authority)"
    case .path: "\(relay)/a/\(agent.lowercased)"
    }
  }

  private static func authority(_ name: RelayName, _ port: Int, standard: Int) -> String {
    port == standard ? name.text : "\(name.text):\(port)"
  }
}
