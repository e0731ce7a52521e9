import ArgumentParser
import Foundation
import Relay
import SecretMemory

/// The relay's command line.
@main
struct OsaurusRelay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "osaurus-relay",
    abstract: "Lets the world reach the agents of hosts that have no address of their own.",
    discussion: """
      Try it on this machine:
        osaurus-relay serve --domain localhost --port 8443

      On a public one:
        osaurus-relay serve --domain relay.example --bind 0.0.0.0 --port 443 \\
          --certificate /etc/letsencrypt/live/relay.example/fullchain.pem \\
          --key /etc/letsencrypt/live/relay.example/privkey.pem

      Exit codes: 0 done, 1 failed, 2 wrong usage.
      """,
    version: "0.1.0",
    subcommands: [ServeCommand.self, UnitCommand.self, LimitsCommand.self])

  static func main() async {
    ProcessMemory.keepPrivate()
    do {
      var command = try parseAsRoot()
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
    if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
    switch exitCode(for: error) {
    case .success:
      print(fullMessage(for: error))
      Foundation.exit(0)
    case .validationFailure:
      say(code: "wrong_usage", sentence: fullMessage(for: error), next: nil)
      Foundation.exit(2)
    default:
      if let error = error as? RelayError {
        say(code: error.code, sentence: error.sentence, next: error.nextStep)
        Foundation.exit(error.isUsage ? 2 : 1)
      }
      say(code: "failed", sentence: "\(error)", next: nil)
      Foundation.exit(1)
    }
  }

  private static func say(code: String, sentence: String, next: String?) {
    guard !CommandLine.arguments.contains("--json") else {
      var object = ["error": code, "message": sentence]
      object["next"] = next
      return print(JSONText.encode(object))
    }
    let text = next.map { "osaurus-relay: \(sentence)\n  \($0)\n" } ?? "\(sentence)\n"
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}

extension RelayError {
  /// Whether the command line is what has to be changed.
  fileprivate var isUsage: Bool {
    switch self {
    case .unknownLimit, .invalidSetting: true
    case .addressInUse, .addressUnusable, .certificateUnusable: false
    }
  }
}

/// JSON for scripts: sorted keys, no escaped slashes.
enum JSONText {
  static func encode(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  /// One line.
  static func line(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}
