import ArgumentParser
import Foundation
import NIOCore
import Sandbox
import SecretMemory

/// `plugin`: tools that agents are given beside those of their sandboxes.
struct PluginCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plugin",
    abstract: "Install, list, look at and remove the plugins of agents.",
    discussion: """
      Example: osaurus-host plugin install Ada weather.json
      Example: osaurus-host sandbox call Ada weather_forecast '{"city": "Lisbon"}'

      A plugin is a recipe, a JSON object with the shell text of its tools. They run in the agent's sandbox, in a home of their \
      own, with the code of the plugin to read and not to change.
      """,
    subcommands: [Install.self, List.self, Show.self, Remove.self, Secret.self])

  struct Install: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what a recipe wants, and install it for an agent.",
      discussion: """
        Example: osaurus-host plugin install Ada weather.json
        Example: osaurus-host plugin install Ada weather.json --replace --yes
        Example: cat weather.json | osaurus-host plugin install Ada - --yes

        Its setup, if it has one, runs once, in the sandbox. Where that fails, nothing is installed. A plugin of the same name \
        that is another one stays, unless --replace is said; then what the old one kept in its home goes with it.
        """)

    @Argument(help: "The agent: its name, id or address.") var agent: String
    @Argument(help: "The file with the recipe; - reads standard input.") var file: String
    @Flag(help: "Take the place of an earlier plugin of that name.") var replace = false
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    private struct Order: Encodable {
      let recipe: ToolValue
      let replace: Bool
    }

    private struct Installed: Decodable {
      let status: String
      let plugin: PluginRow
      let warnings: [String]
    }

    func run() async throws {
      guard file == "-" || FileManager.default.fileExists(atPath: file) else {
        throw CommandFailure.notFound("There is no \(file).")
      }
      let text = try TextFile.read(file, atMost: PluginRecipe.longest)
      let recipe: PluginRecipe
      do {
        recipe = try PluginRecipe(json: Data(text.utf8))
      } catch {
        throw CommandFailure(.failed, "recipe_refused", error.description, nextStep: error.nextStep)
      }
      if !output.json { for line in RecipeLines.of(recipe) { Terminal.say(line) } }
      if !confirmation.yes {
        guard Terminal.inputIsTerminal, file != "-" else {
          throw CommandFailure.wrongUsage("Nothing was installed: pass --yes to do it without a terminal.")
        }
        try Terminal.confirm("Install it for \(agent)?", assumingYes: false)
      }
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", AgentRow.path(agent) + "/plugins", Order(recipe: recipe.json, replace: replace),
          timeout: .minutes(7))
        if output.json { return try answer.show() }
        let installed = try answer.decoded(Installed.self)
        for warning in installed.warnings { Terminal.note("osaurus-host: \(warning)") }
        switch installed.status {
        case "unchanged": Terminal.say("It is there already, as it is.")
        case "replaced": Terminal.say("Replaced.")
        default: Terminal.say("Installed.")
        }
        for secret in installed.plugin.secrets where !secret.isSet {
          Terminal.say(
            Terminal.dim(
              "Give it its secret: osaurus-host plugin secret set \(ShellWord.quoted(agent)) \(recipe.id) \(secret.name)"
            ))
        }
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the plugins of all agents, or of one.",
      discussion: """
        Example: osaurus-host plugin list
        Example: osaurus-host plugin list Ada --json
        """)

    @Argument(help: "The agent: its name, id or address. Without one, all are shown.") var agent: String?
    @OptionGroup var output: OutputOptions

    private struct Listing: Decodable {
      struct Damaged: Decodable {
        let agent: String
        let id: String
      }

      let plugins: [PluginRow]
      let damaged: [Damaged]
    }

    func run() async throws {
      try await Owner.withConnection { owner in
        let path = agent.map { AgentRow.path($0) + "/plugins" } ?? "/control/plugins"
        let answer = try await owner.send("GET", path)
        if output.json { return try answer.show() }
        let listing = try answer.decoded(Listing.self)
        for damaged in listing.damaged {
          Terminal.note(
            "osaurus-host: the plugin \(damaged.id) of \(damaged.agent) cannot be read, and nothing of it runs; install it again with --replace, or remove it."
          )
        }
        guard !listing.plugins.isEmpty else {
          return Terminal.say("No plugins. Install one with: osaurus-host plugin install AGENT FILE")
        }
        var table = Table("AGENT", "PLUGIN", "TOOLS", "NETWORK", "MADE BY", "WHAT IT IS")
        for plugin in listing.plugins {
          table.add(
            plugin.agent, plugin.id, "\(plugin.tools.count)", plugin.network, plugin.maker, plugin.line)
        }
        table.show()
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show one plugin: what it may, and the text of its tools.",
      discussion: "Example: osaurus-host plugin show Ada weather")

    @Argument(help: "The agent: its name, id or address.") var agent: String
    @Argument(help: "The plugin's id, from 'plugin list'.") var plugin: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", PluginRow.path(agent, plugin))
        if output.json { return try answer.show() }
        let row = try answer.decoded(PluginRow.self)
        guard let value = row.recipe, let recipe = try? PluginRecipe(value) else {
          throw CommandFailure(.failed, "plugin_unreadable", "The host's answer cannot be read.")
        }
        for line in RecipeLines.of(recipe) { Terminal.say(line) }
        Terminal.say("  made by \(row.maker), installed \(row.installedAt)")
        for secret in row.secrets where !secret.isSet {
          Terminal.say("  the secret \(secret.name) is not set")
        }
        if let setup = row.setup, !setup.said.isEmpty {
          Terminal.say("  what its setup said:")
          for line in VisibleText.lines(setup.said) { Terminal.say("    | \(line)") }
        }
        for tool in recipe.tools {
          Terminal.say(Terminal.bold(tool.name))
          for line in VisibleText.lines(tool.run) { Terminal.say("    | \(line)") }
        }
      }
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a plugin with its secrets and all that it kept.",
      discussion: "Example: osaurus-host plugin remove Ada weather --yes")

    @Argument(help: "The agent: its name, id or address.") var agent: String
    @Argument(help: "The plugin's id, from 'plugin list'.") var plugin: String
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try Terminal.confirm(
        "Remove the plugin \(plugin) of \(agent), with its secrets and all that it kept?",
        assumingYes: confirmation.yes)
      try await Owner.withConnection { owner in
        let answer = try await owner.send("DELETE", PluginRow.path(agent, plugin))
        if output.json { return try answer.show() }
        Terminal.say("\(plugin) is gone.")
      }
    }
  }
}

extension PluginCommand {
  /// `plugin secret`: what a plugin is given to know, and the agent's other commands are not.
  struct Secret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "secret",
      abstract: "Give a plugin the secrets that its recipe names.",
      discussion: """
        Example: osaurus-host plugin secret set Ada weather WEATHER_KEY     (asks for it, and shows nothing)

        The agent's other commands do not get it. Without one of its own, a plugin gets the agent's secret of that name.
        """,
      subcommands: [SetSecret.self, RemoveSecret.self])

    struct SetSecret: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Give a plugin a secret, in place of an earlier one of that name.",
        discussion: "Example: osaurus-host plugin secret set Ada weather WEATHER_KEY")

      @Argument(help: "The agent: its name, id or address.") var agent: String
      @Argument(help: "The plugin's id, from 'plugin list'.") var plugin: String
      @Argument(help: "The secret's name, from 'plugin show'.") var name: String
      @OptionGroup var output: OutputOptions

      private struct Order: Encodable {
        let value: String
      }

      func run() async throws {
        let secret = try Terminal.readSecret(prompt: "\(name): ")
        let text = secret.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
        guard let text else { throw CommandFailure.wrongUsage("A secret is text.") }
        try await Owner.withConnection { owner in
          let answer = try await owner.send(
            "PUT", PluginRow.path(agent, plugin, secret: name), Order(value: text))
          if output.json { return try answer.show() }
          Terminal.say("Kept for the commands of \(plugin) alone.")
        }
      }
    }

    struct RemoveSecret: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a plugin's secret away for good.",
        discussion: "Example: osaurus-host plugin secret remove Ada weather WEATHER_KEY --yes")

      @Argument(help: "The agent: its name, id or address.") var agent: String
      @Argument(help: "The plugin's id, from 'plugin list'.") var plugin: String
      @Argument(help: "The secret's name.") var name: String
      @OptionGroup var confirmation: ConfirmationOptions
      @OptionGroup var output: OutputOptions

      func run() async throws {
        try Terminal.confirm("Take the secret \(name) away from \(plugin)?", assumingYes: confirmation.yes)
        try await Owner.withConnection { owner in
          let answer = try await owner.send("DELETE", PluginRow.path(agent, plugin, secret: name))
          if output.json { return try answer.show() }
          Terminal.say("\(name) is gone.")
        }
      }
    }
  }
}
