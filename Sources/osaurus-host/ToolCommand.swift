import ArgumentParser
import Foundation
import Inference

/// `tool`: what agents may be offered to work with.
struct ToolCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tool",
    abstract: "List, search and look at the tools that agents may be offered.",
    discussion: "Example: osaurus-host tool search \"read a file\"",
    subcommands: [List.self, Search.self, Show.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the tools.",
      discussion: """
        Example: osaurus-host tool list --json

        RUNS says where: in the host itself, or in the sandbox of the agent that calls it.
        """)

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/tools")
        if output.json { return try answer.show(member: "tools") }
        ToolRow.show(
          try answer.decoded(ToolList.self).tools,
          orSay: "There are no tools: this version brings none, and nothing else does yet.")
      }
    }
  }

  struct Search: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Find the tools that fit, by words and, with a model for embeddings, by meaning.",
      discussion: "Example: osaurus-host tool search --limit 5 \"what the weather will be\"")

    @Argument(help: "What it should do.") var question: String
    @Option(help: "How many answers, at most.") var limit = 10
    @OptionGroup var output: OutputOptions

    private struct Order: Encodable {
      let text: String
      let limit: Int
    }

    private struct Found: Decodable {
      struct Hit: Decodable { let tool: ToolRow }
      let hits: [Hit]
      let reason: String?
    }

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", "/control/tools/search", Order(text: question, limit: limit))
        if output.json { return try answer.show() }
        let found = try answer.decoded(Found.self)
        if let reason = found.reason { Terminal.note(Terminal.dim("By words alone: \(reason)")) }
        ToolRow.show(found.hits.map(\.tool), orSay: "No tool fits that.")
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show one tool, and what it takes.",
      discussion: "Example: osaurus-host tool show plugin:weather/forecast")

    @Argument(help: "Its id, from 'tool list', or its name where one alone has it.") var tool: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/tools/\(Owner.pathSegment(tool))")
        if output.json { return try answer.show() }
        let found = try answer.decoded(ToolRow.self)
        var facts = Facts(title: found.name)
        facts.add("id", found.id)
        facts.add("from", found.source)
        facts.add("runs", found.place)
        facts.add("changed", found.updatedAt)
        facts.add("description", found.description)
        facts.add("takes", try JSONText.encode(found.parameters))
        facts.show()
      }
    }
  }
}

private struct ToolList: Decodable { let tools: [ToolRow] }

private struct ToolRow: Decodable {
  let id: String
  let name: String
  let source: String
  let description: String
  let runtime: String
  let parameters: JSONValue
  let updatedAt: String

  var place: String { runtime == "host" ? "in the host" : "in the \(runtime)" }

  static func show(_ tools: [ToolRow], orSay nothing: String) {
    guard !tools.isEmpty else { return Terminal.say(nothing) }
    var table = Table("TOOL", "RUNS", "WHAT IT DOES")
    for tool in tools {
      let line = tool.description.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
      table.add(tool.id, tool.place, line.count > 80 ? line.prefix(79) + "…" : line)
    }
    table.show()
  }
}
