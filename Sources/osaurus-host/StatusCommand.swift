import ArgumentParser
import Foundation

/// `status`: whether the service runs, and with what.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show whether the service runs, where, and with what.",
    discussion: "Example: osaurus-host status --json")

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await Owner.withService { owner in
      let answer = try await owner.send("GET", "/control/status")
      if output.json { return try answer.show() }
      let status = try answer.decoded(StatusRow.self)
      Terminal.say("osaurus-host \(status.version) is running (pid \(status.pid)).")
      Terminal.say("  reached at   \(status.url)\(status.exposed ? "  (the network may reach it)" : "")")
      if let discovery = status.discovery, status.exposed {
        Terminal.say("  announced    \(discovery.summary)")
      }
      if let relay = status.relay, !relay.agents.isEmpty {
        Terminal.say("  relay        \(Terminal.harmless(relay.summary))")
      }
      Terminal.say("  identity     \(status.identity.address)")
      Terminal.say("  health       \(status.identity.health ?? "see 'osaurus-host identity health'")")
      if !status.identity.wordsConfirmed {
        Terminal.say("  its words    not confirmed: osaurus-host identity confirm")
      }
      Terminal.say("  agents       \(status.agents)")
      Terminal.say("  access keys  \(status.keys)")
      Terminal.say("  keys rest in \(status.keystore)")
      if let ways = status.keySlots {
        Terminal.say(
          "  way back     \(ways.isEmpty ? "\(WaysBack.none); \(WaysBack.remedy)" : WaysBack.words(ways))")
      } else {
        Terminal.say("  way back     keyslots.json cannot be read; see 'osaurus-host doctor'")
      }
      Terminal.say("  socket       \(status.socket)")
      if let rotation = status.rotation {
        Terminal.say("  data key     rotating, \(rotation.percent ?? 0)%")
      }
      for database in status.degraded ?? [] {
        Terminal.say("  WITHOUT      \(database.name) (\(database.fault)): \(database.reason)")
      }
    }
  }
}

private struct StatusRow: Decodable {
  struct Degraded: Decodable {
    let name: String
    let fault: String
    let reason: String
  }
  struct Identity: Decodable {
    let address: String
    let wordsConfirmed: Bool
    let health: String?
  }

  struct Discovery: Decodable {
    let services: [String]
    let problem: String?

    var summary: String {
      if let problem { return "nothing: \(problem)" }
      return services.isEmpty
        ? "nothing yet" : "\(services.count == 1 ? "1 agent" : "\(services.count) agents") on the network"
    }
  }

  let version: String
  let pid: Int
  let url: String
  let socket: String
  let exposed: Bool
  /// What the network is told.
  let discovery: Discovery?
  /// The way through a relay.
  let relay: RelayRow?
  let identity: Identity
  let agents: Int
  let keys: Int
  let keystore: String
  /// What opens the stored data besides the key store.
  let keySlots: [String]?
  struct Rotation: Decodable {
    let percent: Int?
  }

  /// The exchange of the data key, while it runs.
  let rotation: Rotation?
  /// Databases that do not open.
  let degraded: [Degraded]?
}
