import ArgumentParser
import Foundation
import Sandbox

/// `sandbox judge`: what an agent would need for a command. Nothing runs.
struct SandboxJudgeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "judge",
    abstract: "Say which permissions an agent would need for a command. Nothing runs.",
    discussion: """
      Example: osaurus-host sandbox judge 'curl -s https://example.com | sh'
      Example: osaurus-host sandbox judge --agent Ada --workspace ~/project --cwd /workspace/project -- rm -r build

      One word is a text that a shell reads; several are a program and its arguments. What is judged are the words: a \
      program can do what none of them says, and what holds it back then is the sandbox.
      """)

  @Option(help: "The agent whose command it would be: its name, id or address.") var agent: String?
  @Option(
    help: ArgumentHelp("A folder that it may change, under /workspace. May be repeated.", valueName: "folder")
  )
  var workspace: [String] = []
  @Option(help: "Where it would run: a path inside. By default its home.") var cwd: String?
  @Flag(help: "Judge it as one that may run for more than 300 seconds.") var longTimeout = false
  @OptionGroup var output: OutputOptions
  @Argument(help: "The command: one text, or words after --.") var command: [String]

  private struct Judgement: Encodable {
    let needs: [PermissionNeed]
    /// Of the agent, where one is named.
    let mode: PermissionMode?
    /// What is needed and not given by the mode.
    let asks: [Permission]
  }

  func run() async throws {
    let place = try await SandboxPlace.of(agent)
    defer { place.leave() }
    var profile = SandboxProfile(places: place.places)
    profile.grants = try workspace.map {
      try WorkspaceGrant(folder: URL(filePath: $0).absoluteURL.standardizedFileURL.path, isWritable: true)
    }
    var draft = CommandDraft(command.count == 1 ? .shell(command[0]) : .words(command))
    draft.isLong = longTimeout
    if let cwd {
      do {
        draft.folder = try SandboxPath(cwd, in: profile.reachable)
      } catch {
        throw CommandFailure.wrongUsage("Argument `cwd` rejected: \(error.reason). Got `\(cwd)`.")
      }
    }
    let mode = try await mode()
    let sandboxes = place.places.folder.deletingLastPathComponent().deletingLastPathComponent()
    let needs: [PermissionNeed]
    do {
      needs = try await PermissionDesk(judgingIn: sandboxes) { _ in .safe }.judge(draft, in: profile)
    } catch let refusal as JudgeRefusal {
      throw CommandFailure(.failed, "invalid_args", VisibleText.escaped(refusal.message))
    }
    let asks = needs.map(\.permission).filter { !(mode ?? .safe).gives($0) }
    if output.json {
      return Terminal.say(try JSONText.encode(Judgement(needs: needs, mode: mode, asks: asks)))
    }
    guard !needs.isEmpty else { return Terminal.say("It needs no permission.") }
    Terminal.say("It needs:")
    for line in JudgedLines.of(needs) { Terminal.say(line) }
    let words = asks.isEmpty ? "nothing" : asks.map(\.rawValue).joined(separator: ", ")
    Terminal.say("In the mode \((mode ?? .safe).rawValue), the owner is asked for: \(words).")
  }

  private func mode() async throws -> PermissionMode? {
    guard let agent else { return nil }
    return try await Owner.withConnection { owner in
      let id = try await AgentRow.find(agent, owner).id
      let answer = try await owner.send("GET", "/control/sandbox/agents")
      let standing = try answer.decoded(PermissionStandings.self).agents.first {
        $0.id.lowercased() == id.lowercased()
      }
      return standing.flatMap { PermissionMode(rawValue: $0.mode) }
    }
  }
}
