import ArgumentParser
import Foundation
import Inference

struct SandboxedInference: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inference", abstract: "Ask a model.",
    discussion: "Example: osaurus-host inference chat \"what is the capital of Portugal\"",
    subcommands: [Chat.self])

  struct Chat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print a model's answer.")
    @Option(name: [.short, .long], help: "The model; by default the one of the agent.") var model: String?
    @Option(name: [.short, .long], help: "What to tell it beforehand.") var system: String?
    @Argument(help: "The question; - reads it from standard input.") var question: [String]

    private struct Order: Encodable {
      let model: String?
      let messages: [ChatMessage]
    }

    private struct Said: Decodable {
      let content: String
    }

    func run() async throws {
      let order = Order(
        model: model,
        messages: (system.map { [.system($0)] } ?? []) + [.user(try SandboxedText.read(question))])
      let answer = try await BridgeClient().ask("POST", "/inference/chat", order)
      Terminal.say(try JSONDecoder().decode(Said.self, from: answer).content)
    }
  }
}

struct SandboxedAgent: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent", abstract: "Give this agent something to do, and use its memory.",
    discussion: "Example: osaurus-host agent memory store \"the ladder is behind the shed\"",
    subcommands: [Dispatch.self, Memory.self])

  struct Dispatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have this agent work at something; print the id of the conversation with the answer.")
    @Option(help: "A name for a conversation that goes on.") var session: String?
    @Argument(help: "What to do; - reads it from standard input.") var task: [String]

    private struct Order: Encodable {
      let task: String
      let sessionKey: String?

      enum CodingKeys: String, CodingKey {
        case task
        case sessionKey = "external_session_key"
      }
    }

    private struct Dispatched: Decodable {
      let id: String
      enum CodingKeys: String, CodingKey { case id = "task_id" }
    }

    func run() async throws {
      let order = Order(task: try SandboxedText.read(task), sessionKey: session)
      let answer = try await BridgeClient().ask("POST", "/agent/dispatch", order)
      let id = try JSONDecoder().decode(Dispatched.self, from: answer).id
      guard !id.isEmpty else { throw BridgeClient.Refusal(status: 409, message: "The task was refused.") }
      Terminal.say(id)
    }
  }

  struct Memory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Search what this agent remembers, and add to it.", subcommands: [Query.self, Store.self])

    struct Query: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        abstract: "Print what answers a question: a JSON list, the best first.")
      @Argument(help: "The question; - reads it from standard input.") var question: [String]

      private struct Order: Encodable {
        let query: String
      }

      private struct Found: Decodable {
        let results: JSONValue
      }

      func run() async throws {
        let order = Order(query: try SandboxedText.read(question))
        let answer = try await BridgeClient().ask("POST", "/agent/memory/query", order)
        Terminal.say(try JSONText.encode(JSONDecoder().decode(Found.self, from: answer).results))
      }
    }

    struct Store: AsyncParsableCommand {
      static let configuration = CommandConfiguration(abstract: "Have this agent remember something.")
      @Argument(help: "What to remember; - reads it from standard input.") var content: [String]

      private struct Order: Encodable {
        let content: String
      }

      func run() async throws {
        let order = Order(content: try SandboxedText.read(content))
        _ = try await BridgeClient().ask("POST", "/agent/memory/store", order)
      }
    }
  }
}

struct SandboxedEvents: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Tell the host that something happened.",
    discussion: #"Example: osaurus-host events emit build.done '{"ok": true}'"#, subcommands: [Emit.self])

  struct Emit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Tell of an event.")
    @Argument(help: "Its type.") var type: String
    @Argument(help: "What belongs to it: JSON, or text that is none; - reads it from standard input.")
    var payload: String?

    private struct Event: Encodable {
      let type: String
      let payload: JSONValue?
    }

    func run() async throws {
      let text = try payload.map { try SandboxedText.read([$0]) }
      let event = Event(type: type, payload: text.map { SandboxedJSON.value($0) ?? .string($0) })
      _ = try await BridgeClient().ask("POST", "/events/emit", event)
    }
  }
}

struct SandboxedPlugin: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plugin", abstract: "Make a plugin of a recipe.", subcommands: [Create.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give the host a recipe, a JSON object; print what it made of it.",
      discussion: "Example: osaurus-host plugin create recipe.json")
    @Argument(help: "The file with the recipe; - reads standard input.") var file: String
    @Flag(help: "Take the place of an earlier plugin of that name.") var replace = false

    func run() async throws {
      let text = try TextFile.read(file, atMost: 8 << 20)
      guard let recipe = SandboxedJSON.value(text) else {
        throw CommandFailure.wrongUsage("\(file) is not JSON.")
      }
      let answer = try await BridgeClient().ask(
        "POST", "/plugin/create\(replace ? "?replace=true" : "")", recipe)
      Terminal.say(String(decoding: answer, as: UTF8.self))
    }
  }
}

struct SandboxedTool: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tool", abstract: "Call a tool of the host.", subcommands: [Call.self])

  struct Call: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Call a tool that this command may call; print what it answers.",
      discussion: """
        Example: osaurus-host tool call sandbox_read_file '{"path": "notes.txt"}'

        What a tool answers is an object with "ok"; where that is false, the exit code is 1.
        """)
    @Argument(help: "Its exact name.") var name: String
    @Argument(help: "Its arguments, a JSON object; - reads them from standard input.") var arguments = "{}"

    private struct Envelope: Decodable {
      let ok: Bool?
    }

    func run() async throws {
      guard let order = SandboxedJSON.value(try SandboxedText.read([arguments])) else {
        throw CommandFailure.wrongUsage("The arguments are not JSON.")
      }
      let answer = try await BridgeClient().ask("POST", "/tools/\(BridgeClient.segment(name))", order)
      Terminal.say(String(decoding: answer, as: UTF8.self))
      if (try? JSONDecoder().decode(Envelope.self, from: answer))?.ok == false { throw ExitCode(1) }
    }
  }
}

enum SandboxedJSON {
  static func value(_ text: String) -> JSONValue? {
    try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
  }
}
