import ArgumentParser
import Foundation
import SecretMemory

/// The command line: one file a command group.
@main
struct OsaurusHost: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "osaurus-host",
    abstract: "The Linux home of your AI agents: encrypted at rest, reached only end to end.",
    discussion: """
      First steps:
        osaurus-host init                      make your identity
        osaurus-host model install smollm2-135m
        osaurus-host agent create Ada
        osaurus-host serve

      Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not permitted, 4 not found, 5 the service is not running.
      """,
    version: BuildVersion.text,
    groupedSubcommands: [
      CommandGroup(
        name: "This host",
        subcommands: [
          InitCommand.self, RecoverCommand.self, IdentityCommand.self, ServeCommand.self,
          StatusCommand.self, DoctorCommand.self, StorageCommand.self, KeystoreCommand.self,
          ServiceCommand.self,
        ]),
      CommandGroup(
        name: "Agents and models",
        subcommands: [
          AgentCommand.self, KeyCommand.self, InviteCommand.self, PairCommand.self,
          PeerCommand.self, RelayCommand.self, ModelCommand.self, RunCommand.self,
          ChatCommand.self, MemoryCommand.self, ToolCommand.self, SandboxCommand.self, PluginCommand.self,
          AuditCommand.self,
        ]),
      CommandGroup(name: "Other hosts", subcommands: [ConnectCommand.self]),
    ])

  static func main() async {
    ProcessMemory.keepPrivate()
    if BridgeClient.isHere { await SandboxedHost.runAsProgram() }
    do {
      if SandboxedHost.isMeant(by: Array(CommandLine.arguments.dropFirst())) { throw SandboxedHost.notHere }
      var command = try parseAsRoot()
      WordsReminder.show(before: command)
      if var asynchronous = command as? AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      leave(after: error)
    }
  }

  /// Says what went wrong, as text or as an object, and ends the process with the number for it.
  private static func leave(after error: any Error) -> Never {
    // The command said what there is to say.
    if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
    let failure: CommandFailure
    switch exitCode(for: error) {
    case .success:
      print(fullMessage(for: error))
      Foundation.exit(ExitStatus.done.rawValue)
    case .validationFailure:
      failure = .wrongUsage(fullMessage(for: error))
      if !asksForJSON {
        Terminal.note(failure.sentence)
        Foundation.exit(failure.status.rawValue)
      }
    default:
      failure = FailureTranslation.failure(for: error)
    }
    if asksForJSON {
      Terminal.say(
        JSONText.object(["error": failure.code, "message": failure.sentence, "next": failure.nextStep]))
    } else {
      Terminal.note("osaurus-host: \(failure)")
    }
    Foundation.exit(failure.status.rawValue)
  }

  private static var asksForJSON: Bool { CommandLine.arguments.contains("--json") }
}

/// The version that `--version` and the status show.
enum BuildVersion {
  static let text = "0.1.0"
}
