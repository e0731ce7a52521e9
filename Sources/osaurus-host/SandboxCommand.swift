import ArgumentParser
import Foundation
import Sandbox

/// `sandbox`: where agents' commands run.
struct SandboxCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sandbox",
    abstract:
      "Run a command as an agent's would be run, and look at what stands between it and this machine.",
    discussion: """
      Example: osaurus-host sandbox status
      Example: osaurus-host sandbox exec --agent Ada -- sh -c 'ls -la'
      Example: osaurus-host sandbox doctor
      Example: osaurus-host sandbox requests --watch
      Example: osaurus-host sandbox grant Ada ~/project
      """,
    subcommands: [
      Status.self, SandboxExecCommand.self, SandboxCallCommand.self, SandboxDoctorCommand.self,
      SandboxJudgeCommand.self, Requests.self, Approve.self, Deny.self, Mode.self, Revoke.self,
      Settings.self, Grant.self, Ungrant.self, Network.self,
      SandboxImageCommand.self,
    ],
    defaultSubcommand: Status.self)

  struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show every layer of the isolation, and what is missing.",
      discussion:
        "Example: osaurus-host sandbox status --json       (exit code 1 when commands would be refused)")

    @OptionGroup var output: OutputOptions

    func run() throws {
      let layers = SandboxLayers.here()
      if output.json {
        Terminal.say(try JSONText.encode(SandboxLayers(layers)))
      } else {
        for line in SandboxLayers.lines(layers) { Terminal.say(line) }
        if SandboxLayers.isWhole(layers) {
          Terminal.say("Commands run in isolation here. Try every way out: osaurus-host sandbox doctor")
        } else {
          Terminal.say("Commands are refused here until nothing is missing.")
        }
      }
      guard SandboxLayers.isWhole(layers) else { throw ExitCode(ExitStatus.failed.rawValue) }
    }
  }
}

/// The layers of this machine, as they are shown.
struct SandboxLayers: Encodable {
  let ready: Bool
  let layers: [LayerReport]

  init(_ layers: [LayerReport]) {
    ready = Self.isWhole(layers)
    self.layers = layers
  }

  /// The layers, for an agent to which nothing is granted.
  static func here() -> [LayerReport] {
    let places = AgentPlaces(agent: UUID(), in: FileManager.default.temporaryDirectory)
    return MachineSurvey().layers(for: SandboxProfile(places: places))
  }

  static func isWhole(_ layers: [LayerReport]) -> Bool { !layers.contains { $0.state == .missing } }

  static func lines(_ layers: [LayerReport]) -> [String] {
    layers.flatMap { layer in
      let mark =
        switch layer.state {
        case .on: "ok  "
        case .partial: "part"
        case .waived: "OFF "
        case .missing: "BAD "
        }
      let remedy = layer.remedy.map { ["      → \($0)"] } ?? []
      return ["\(mark)  \(layer.layer.plainWords): \(layer.detail)"] + remedy
    }
  }

  /// What `doctor` says about them.
  static func findings() -> [Finding] {
    let layers = here()
    let bad = layers.filter { $0.state != .on }
    guard !bad.isEmpty else {
      return [Finding(part: "sandbox", state: .good, detail: "all \(layers.count) layers are there")]
    }
    // One reason, such as bubblewrap, may be that of many layers.
    var said: Set<String> = []
    return bad.filter { said.insert($0.detail).inserted }.map { layer in
      Finding(
        part: "sandbox", state: layer.state == .missing ? .broken : .note,
        detail: "\(layer.layer.plainWords): \(layer.detail)", remedy: layer.remedy)
    }
  }
}
