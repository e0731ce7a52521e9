import ArgumentParser
import Foundation
import Host
import Identity

/// `identity health`: whether agents, keys and words are of this host's identity.
struct IdentityHealthCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health",
    abstract: "Check that agents, access keys and words are of this identity.",
    discussion: """
      Example: osaurus-host identity health --json

      It changes nothing, and works while the service runs and while it does not. Exit code 1 when there is something \
      to mend.
      """)

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let health = try HostHealth.ofThisHost()
    if output.json {
      Terminal.say(try JSONText.encode(HealthRow(health)))
    } else {
      show(health)
    }
    if !health.isGood { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  private func show(_ health: HostHealth) {
    Terminal.say("identity  \(health.address?.checksummed ?? "not where the keys rest")")
    Terminal.say("health    \(health.summary)")
    for agent in health.identity.driftedAgents {
      Terminal.say("agent     \(agent.name) is at \(agent.address.checksummed), which nobody can speak for")
    }
    for key in health.identity.staleKeys {
      let name = key.label.isEmpty ? key.fingerprint : "'\(key.label)' (\(key.fingerprint))"
      Terminal.say("key       \(name) was made by \(key.issuer.checksummed)")
    }
    switch health.wordsSlot {
    case .matching: Terminal.say("words     the 24 words of this identity open what is stored")
    case .missing: Terminal.say("words     no words open what is stored; \(WaysBack.remedy)")
    case .other(let other): Terminal.say("words     those of \(other.checksummed) open what is stored")
    case .unreadable(let reason): Terminal.say("words     \(reason)")
    }
    if let remedy = health.remedy { Terminal.say("      → \(remedy)") }
  }
}

extension HostHealth {
  /// How the identity of this user's host is.
  static func ofThisHost() throws -> HostHealth {
    let folders = try OpenHost.folders()
    let settings = try HostSettings.load(
      folders: folders, environment: ProcessInfo.processInfo.environment)
    return try HostHealth(folders: folders, settings: settings)
  }

  /// What `doctor` says.
  static func finding() -> Finding {
    do {
      let health = try ofThisHost()
      let isBroken = !health.isGood && health.unfinishedChange == nil
      return Finding(
        part: "identity health", state: health.isGood ? .good : isBroken ? .broken : .note,
        detail: health.summary, remedy: health.remedy)
    } catch {
      let failure = FailureTranslation.failure(for: error)
      return Finding(
        part: "identity health", state: .broken, detail: failure.sentence, remedy: failure.nextStep)
    }
  }
}

/// What scripts get.
private struct HealthRow: Encodable {
  struct Agent: Encodable {
    let id: String
    let name: String
    let index: UInt32
    let address: String
  }
  struct Key: Encodable {
    let id: String
    let label: String
    let fingerprint: String
    let issuer: String
    let audience: String
  }

  let healthy: Bool
  let summary: String
  let next: String?
  let address: String?
  /// Whether the identity gives addresses to compare with; without that nothing below is reported.
  let canDerive: Bool
  let agents: Int
  let keys: Int
  let driftedAgents: [Agent]
  let staleKeys: [Key]
  /// `matching`, `missing`, `other` or `unreadable`.
  let wordsSlot: String
  /// Whose words open what is stored, where it is not this identity.
  let wordsSlotAddress: String?
  /// The identity that the host has begun to change to.
  let unfinishedChange: String?

  init(_ health: HostHealth) {
    healthy = health.isGood
    summary = health.summary
    next = health.remedy
    address = health.address?.checksummed
    canDerive = health.identity.canDerive
    agents = health.agentCount
    keys = health.keyCount
    driftedAgents = health.identity.driftedAgents.map {
      Agent(
        id: $0.id.uuidString, name: $0.name, index: $0.index.rawValue, address: $0.address.checksummed)
    }
    staleKeys = health.identity.staleKeys.map {
      Key(
        id: $0.id.uuidString, label: $0.label, fingerprint: $0.fingerprint,
        issuer: $0.issuer.checksummed, audience: $0.audience.checksummed)
    }
    (wordsSlot, wordsSlotAddress) =
      switch health.wordsSlot {
      case .matching: ("matching", nil)
      case .missing: ("missing", nil)
      case .other(let other): ("other", other.checksummed)
      case .unreadable: ("unreadable", nil)
      }
    unfinishedChange = health.unfinishedChange?.checksummed
  }
}
