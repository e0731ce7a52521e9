import ArgumentParser
import Foundation
import Host
import Identity

/// `identity repair`: brings agents, keys and the words' slot to the identity that the host has.
struct IdentityRepairCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair",
    abstract: "Give agents that are not of this identity new addresses, and shut keys of nobody.",
    discussion: """
      Example: osaurus-host identity repair --dry-run

      It shows what it is going to do and asks. Devices that were paired with such an agent have to pair again. To go \
      back to the identity that the agents are of, use its 24 words instead: osaurus-host recover
      """)

  @Flag(name: .customLong("dry-run"), help: "Show what would be done, and do nothing.") var dryRun = false
  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await Owner.withConnection { owner in
      let trial = try await owner.send("POST", "/control/identity/repair", Order(dryRun: true))
      let plan = try trial.decoded(Plan.self)
      let slot = try HostHealth.ofThisHost().wordsSlot
      if dryRun, output.json { return try trial.show() }
      guard !plan.agents.isEmpty || plan.revokedKeys > 0 || slot.isOther else {
        return output.json ? try trial.show() : Terminal.say("There is nothing to repair.")
      }
      if !output.json { show(plan, slot) }
      if dryRun { return Terminal.say("Nothing was changed.") }
      try Terminal.confirm("Go on?", assumingYes: confirmation.yes)
      let done = try await owner.send("POST", "/control/identity/repair", Order(dryRun: false))
      if output.json { return try done.show() }
      for agent in try done.decoded(Plan.self).agents {
        Terminal.say("\(agent.name) is at \(agent.address) now.")
      }
      Terminal.say("Repaired: \(try HostHealth.ofThisHost().summary).")
    }
  }

  private func show(_ plan: Plan, _ slot: HostHealth.WordsSlot) {
    for agent in plan.agents {
      Terminal.say("\(agent.name) gets a new address for \(agent.oldAddress), which nobody can speak for.")
    }
    if plan.revokedKeys > 0 {
      Terminal.say("\(plan.revokedKeys) access \(plan.revokedKeys == 1 ? "key is" : "keys are") revoked.")
    }
    if case .other(let other) = slot {
      Terminal.say(
        "The words of this identity open what is stored then, those of \(other.checksummed) no longer.")
    }
  }

  private struct Order: Encodable {
    let dryRun: Bool
  }

  private struct Plan: Decodable {
    struct Agent: Decodable {
      let name: String
      let address: String
      let oldAddress: String
    }
    let agents: [Agent]
    let revokedKeys: Int
  }
}

extension HostHealth.WordsSlot {
  /// Whether other words than those of this identity open what is stored.
  fileprivate var isOther: Bool {
    if case .other = self { true } else { false }
  }
}
