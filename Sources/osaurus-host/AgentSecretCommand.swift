import ArgumentParser
import Foundation
import SecretMemory

extension AgentCommand {
  /// `agent secret`: what an agent's commands are given to know.
  struct Secret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "secret",
      abstract: "Keep passwords and keys that an agent's commands may use.",
      discussion: """
        Example: osaurus-host agent secret set Ada WEATHER_KEY     (asks for it, and shows nothing)
        Example: printf %s "$KEY" | osaurus-host agent secret set Ada WEATHER_KEY

        Code in the agent's sandbox gets one by its name: osaurus-host secrets get WEATHER_KEY
        """,
      subcommands: [SetSecret.self, ListSecrets.self, RemoveSecret.self])

    struct SetSecret: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Give an agent a secret, in place of an earlier one of that name.",
        discussion: "Example: osaurus-host agent secret set Ada WEATHER_KEY")

      @Argument(help: "The agent: its name, id or address.") var agent: String
      @Argument(help: "The secret's name, as of a variable.") var name: String
      @OptionGroup var output: OutputOptions

      private struct Order: Encodable {
        let value: String
      }

      func run() async throws {
        let secret = try Terminal.readSecret(prompt: "\(name): ")
        let text = secret.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
        guard let text else { throw CommandFailure.wrongUsage("A secret is text.") }
        try await Owner.withConnection { owner in
          let answer = try await owner.send("PUT", Secret.path(agent, name), Order(value: text))
          if output.json { return try answer.show() }
          Terminal.say("Kept for the commands of \(agent).")
        }
      }
    }

    struct ListSecrets: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the names of an agent's secrets. Values are never shown.",
        discussion: "Example: osaurus-host agent secret list Ada --json")

      @Argument(help: "The agent: its name, id or address.") var agent: String
      @OptionGroup var output: OutputOptions

      private struct Names: Decodable {
        let secrets: [String]
      }

      func run() async throws {
        try await Owner.withConnection { owner in
          let answer = try await owner.send("GET", AgentRow.path(agent) + "/secrets")
          if output.json { return try answer.show(member: "secrets") }
          let names = try answer.decoded(Names.self).secrets
          guard !names.isEmpty else { return Terminal.say("No secrets.") }
          for name in names { Terminal.say(name) }
        }
      }
    }

    struct RemoveSecret: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a secret away for good.",
        discussion: "Example: osaurus-host agent secret remove Ada WEATHER_KEY --yes")

      @Argument(help: "The agent: its name, id or address.") var agent: String
      @Argument(help: "The secret's name.") var name: String
      @OptionGroup var confirmation: ConfirmationOptions
      @OptionGroup var output: OutputOptions

      func run() async throws {
        try Terminal.confirm("Take the secret \(name) away from \(agent)?", assumingYes: confirmation.yes)
        try await Owner.withConnection { owner in
          let answer = try await owner.send("DELETE", Secret.path(agent, name))
          if output.json { return try answer.show() }
          Terminal.say("\(name) is gone.")
        }
      }
    }

    private static func path(_ agent: String, _ name: String) -> String {
      AgentRow.path(agent) + "/secrets/" + Owner.pathSegment(name)
    }
  }
}
