import ArgumentParser
import AsyncHTTPClient
import Foundation
import Host
import Inference
import Keyring

/// `model`: what answers for the agents.
struct ModelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "See which models there are, and install a small one.",
    discussion: "Example: osaurus-host model install smollm2-135m",
    subcommands: [List.self, Install.self, Key.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List what the configured and the detected servers offer.",
      discussion: "Example: osaurus-host model list")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/models")
        if output.json { return try answer.show(member: "models") }
        let models = try answer.decoded(ModelList.self).models
        guard !models.isEmpty else {
          return Terminal.say(
            """
            No model yet. Install a small one:   osaurus-host model install smollm2-135m
            or point OSAURUS_MODEL_URL at an OpenAI-compatible server (with its /v1).
            """)
        }
        var table = Table("MODEL", "FROM")
        for model in models { table.add(model.id, model.provider) }
        table.show()
      }
    }
  }

  struct Install: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Install a model with its runtime into the data folder, verified by SHA-256.",
      discussion: "Example: osaurus-host model install smollm2-135m")

    @Argument(help: "The model; smollm2-135m is the one there is.") var model: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      guard model == ManagedRuntime.modelName else {
        throw CommandFailure.notFound(
          "There is no model '\(model)' to install; \(ManagedRuntime.modelName) is the one there is.")
      }
      let folders = try OpenHost.folders()
      try folders.create()
      let client = HTTPClient.forModels()
      let runtime = ManagedRuntime(folder: folders.modelRuntime, client: client)
      let progress = ProgressLine(isQuiet: output.json)
      do {
        try await runtime.install { progress.show($0.description) }
      } catch {
        try await client.shutdown()
        throw error
      }
      try await client.shutdown()
      progress.finish("\(model) is installed.")
      if output.json { Terminal.say(JSONText.object(["installed": model])) }
    }
  }

  struct Key: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Keep or forget the key of the model server that OSAURUS_MODEL_URL names.",
      discussion: "Example: osaurus-host model key set",
      subcommands: [Set.self, Forget.self])

    struct Set: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        abstract: "Ask for the key without showing it, and keep it where the keys of this host rest.",
        discussion: "Example: osaurus-host model key set < key.txt")

      func run() async throws {
        let server = try Key.server()
        try server.keep(try Terminal.readSecret(prompt: "Key of \(server.url.absoluteString): "))
        Terminal.say(
          "Kept. The service uses it from its next start on, for \(server.url.absoluteString) alone.")
      }
    }

    struct Forget: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        abstract: "Forget the key.", discussion: "Example: osaurus-host model key forget")

      func run() async throws {
        let server = try Key.server()
        try server.forgetKey()
        Terminal.say("Forgot the key of \(server.url.absoluteString).")
      }
    }

    private static func server() throws -> ConfiguredModelServer {
      let folders = try OpenHost.folders()
      let settings = try HostSettings.load(
        folders: folders, environment: ProcessInfo.processInfo.environment)
      guard let server = try ConfiguredModelServer(settings: settings, folders: folders) else {
        throw CommandFailure(
          .wrongUsage, "no_model_server", "No model server is named.",
          nextStep: "Set OSAURUS_MODEL_URL, or \"modelURL\" in host.json, to its URL with /v1.")
      }
      return server
    }
  }
}

private struct ModelList: Decodable {
  struct Row: Decodable {
    let id: String
    let provider: String
  }
  let models: [Row]
}
