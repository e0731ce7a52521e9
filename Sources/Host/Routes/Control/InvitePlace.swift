import Foundation
import HTTPTypes
import Identity
import NIOCore
import Relay

/// Where an invite sends people to.
struct InvitePlace: Sendable {
  static let rule =
    "An invite's URL is http or https, a host and at most a path, such as http://192.168.1.20:1337."

  let settings: HostSettings
  let listening: ListeningAddress
  let tunnel: HostTunnel

  /// The URL for an invite to an agent, and what its owner should know about it.
  /// - Parameters:
  ///   - wanted: what was asked for; nil for where the agent is reached through the relay, or else for this host's own
  ///     address.
  ///   - viaRelay: whether nothing but the relay will do.
  func url(
    _ wanted: String?, for agent: Address?, viaRelay: Bool
  ) async throws(ControlFailure) -> (url: String, note: String?) {
    if wanted == nil, let agent {
      let status = await tunnel.status
      if let url = status.url(of: agent) {
        return (
          url, status.isProven(agent) ? nil : "It is not certain yet that requests to this URL arrive here."
        )
      }
    }
    guard !viaRelay else {
      throw ControlFailure(
        status: .conflict, code: "not_on_relay",
        message: "The agent is not reached through a relay now; see 'osaurus-host relay status'.")
    }
    var url = if let wanted { wanted } else { try own() }
    while url.hasSuffix("/") { url.removeLast() }
    guard let host = URLComponents(string: url)?.host else { return (url, nil) }
    return (url, note(on: host.lowercased()))
  }

  /// How others reach this host, as far as it can know.
  private func own() throws(ControlFailure) -> String {
    let bind = listening.value?.bind ?? settings.bind
    let port = listening.value?.port ?? settings.port
    guard port > 0 else {
      throw .invalid("The port is not known while the service does not run; start it, or give the URL.")
    }
    let host = ["0.0.0.0", "::"].contains(bind) ? Self.addresses.first ?? "127.0.0.1" : bind
    return host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
  }

  private func note(on host: String) -> String? {
    let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    if HostSettings.isLoopback(bare) {
      return
        "This URL is reached from this machine alone; give another one with '--url', and run 'serve --expose'."
    }
    let rules = VisitorRules(bind: settings.bind, configuredNames: settings.allowedHosts)
    if rules.names.contains(host) || Self.addresses.contains(bare) { return nil }
    return "Requests that name '\(bare)' are refused until it is in 'allowedHosts' of host.json."
  }

  /// The addresses of this machine that others may reach, those of IPv4 first.
  static var addresses: [String] {
    let devices = (try? System.enumerateDevices()) ?? []
    let all = devices.compactMap { $0.address?.ipAddress }.filter { address in
      !HostSettings.isLoopback(address) && !address.hasPrefix("169.254.") && !address.hasPrefix("fe80:")
    }
    return all.filter { !$0.contains(":") } + all.filter { $0.contains(":") }
  }
}
