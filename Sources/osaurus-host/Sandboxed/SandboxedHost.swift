import ArgumentParser
import Foundation

/// What this program is inside a sandbox: the way to the host of the agent that runs there.
struct SandboxedHost: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "osaurus-host",
    abstract: "Ask the host of this sandbox for something.",
    discussion: """
      Example: osaurus-host secrets get API_KEY
      Example: osaurus-host agent memory query "where is the ladder"

      Where the host refuses, its words come after 'osaurus-host: error <status>:', and the exit code is 1.
      """,
    version: BuildVersion.text,
    subcommands: [
      SandboxedSecrets.self, SandboxedConfig.self, SandboxedInference.self, SandboxedAgent.self,
      SandboxedEvents.self, SandboxedPlugin.self, SandboxedLog.self, SandboxedTool.self,
    ])

  /// Runs it, and ends the process.
  static func runAsProgram() async -> Never {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      Foundation.exit(0)
    } catch let refusal as BridgeClient.Refusal {
      fail("error \(refusal.status): \(refusal.message)")
    } catch let failure as CommandFailure {
      fail(failure.description)
    } catch {
      if exitCode(for: error) == .validationFailure {
        Terminal.note(fullMessage(for: error))
        Foundation.exit(ExitStatus.wrongUsage.rawValue)
      }
      if error is ExitCode || exitCode(for: error) == .success { exit(withError: error) }
      fail("error 0: the host of this sandbox does not answer (\(error))")
    }
  }

  private static func fail(_ words: String) -> Never {
    Terminal.note("osaurus-host: \(words)")
    Foundation.exit(1)
  }

  /// Whether these arguments are for inside a sandbox, and mean nothing outside.
  static func isMeant(by arguments: [String]) -> Bool {
    switch (arguments.first, arguments.dropFirst().first) {
    case ("secrets", _), ("config", _), ("inference", _), ("events", _), ("log", _), ("agent", "dispatch"),
      ("agent", "memory"), ("plugin", "create"), ("tool", "call"):
      true
    default: false
    }
  }

  /// What is said of them outside.
  static var notHere: CommandFailure {
    CommandFailure(
      .failed, "not_in_sandbox", "This asks the host from inside a sandbox, and this is none.",
      nextStep: "Try it in one: osaurus-host sandbox exec --agent NAME --bridge -- osaurus-host --help")
  }
}

/// A text that is given as an argument, or on standard input as `-`.
struct SandboxedText {
  static func read(_ words: [String]) throws -> String {
    guard words == ["-"] else { return words.joined(separator: " ") }
    let data = try FileHandle.standardInput.readToEnd() ?? Data()
    guard let text = String(data: data, encoding: .utf8) else {
      throw CommandFailure.wrongUsage("What came on standard input is not text.")
    }
    return text
  }
}

private struct ValueBody: Codable {
  let value: String
}

struct SandboxedSecrets: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets", abstract: "Get a secret of this agent.",
    discussion: "Example: osaurus-host secrets get API_KEY", subcommands: [Get.self])

  struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print a secret.")
    @Argument(help: "Its name.") var name: String

    func run() async throws {
      let answer = try await BridgeClient().ask("GET", "/secrets/\(BridgeClient.segment(name))")
      Terminal.say(try JSONDecoder().decode(ValueBody.self, from: answer).value)
    }
  }
}

struct SandboxedConfig: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Keep a setting from one command to the next.",
    discussion: "Example: osaurus-host config set city Lisbon", subcommands: [Get.self, Set.self])

  struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print a setting.")
    @Argument(help: "Its key.") var key: String

    func run() async throws {
      let answer = try await BridgeClient().ask("GET", "/config/\(BridgeClient.segment(key))")
      Terminal.say(try JSONDecoder().decode(ValueBody.self, from: answer).value)
    }
  }

  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Change a setting.")
    @Argument(help: "Its key.") var key: String
    @Argument(help: "Its value; - reads it from standard input.") var value: String

    func run() async throws {
      let body = ValueBody(value: try SandboxedText.read([value]))
      _ = try await BridgeClient().ask("POST", "/config/\(BridgeClient.segment(key))", body)
    }
  }
}

struct SandboxedLog: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Write a line into the log of the host.",
    discussion: "Example: osaurus-host log info \"half of it is done\"")

  @Argument(help: "trace, debug, info, notice, warning, error or critical.") var level: String
  @Argument(help: "What to say; - reads it from standard input.") var message: [String]

  private struct Line: Encodable {
    let level: String
    let message: String
  }

  func run() async throws {
    let line = Line(level: level, message: try SandboxedText.read(message))
    _ = try await BridgeClient().ask("POST", "/log", line)
  }
}
