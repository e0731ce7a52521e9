import ArgumentParser
import Foundation
import Sandbox

/// `sandbox doctor`: tries every known way out, on this machine.
struct SandboxDoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Try every known way out of the sandbox on this machine.",
    discussion: """
      Example: osaurus-host sandbox doctor

      Each attempt runs in a sandbox of its own, against bait that is put up for it and taken away afterwards. Nothing of \
      yours is touched. It takes a few seconds. Exit code 1 when one gets out, or when none can be tried.
      """)

  @Flag(help: "Show every attempt, and not only those that got out.") var all = false
  @OptionGroup var output: OutputOptions

  private struct Attempt: Encodable {
    let name: String
    let form: EscapeAttempt.Form
    let outcome: EscapeOutcome
  }

  private struct Report: Encodable {
    let tried: Int
    let escaped: Int
    let layers: [LayerReport]
    let attempts: [Attempt]
  }

  func run() async throws {
    let layers = SandboxLayers.here()
    var attempts: [Attempt] = []
    let total = EscapeAttempt.all.count
    let showsProgress = !output.json && Terminal.isDecorated(.error)
    let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
    try await EscapeSuite(in: folder).run { attempt, outcome in
      attempts.append(Attempt(name: attempt.name, form: attempt.form, outcome: outcome))
      if showsProgress { Terminal.ask("\r\(attempts.count) of \(total) ways out tried") }
      if !output.json, all || outcome == .escaped {
        let mark = outcome == .escaped ? "OUT " : outcome == .stopped ? "ok  " : "none"
        if showsProgress { Terminal.ask("\r\u{1b}[K") }
        Terminal.say("\(mark)  \(attempt.name) (\(attempt.form.rawValue))")
      }
    }
    if showsProgress { Terminal.ask("\r\u{1b}[K") }
    let escaped = attempts.count { $0.outcome == .escaped }
    if output.json {
      Terminal.say(
        try JSONText.encode(
          Report(tried: attempts.count, escaped: escaped, layers: layers, attempts: attempts)))
    } else if escaped == 0 {
      Terminal.say("\(attempts.count) ways out were tried, and none leads out.")
    } else {
      Terminal.say("\(escaped) of \(attempts.count) ways lead out of the sandbox on this machine.")
      Terminal.say("  Let no agent run commands here, and report it: see SECURITY.md")
    }
    if escaped > 0 { throw ExitCode(ExitStatus.failed.rawValue) }
  }
}
