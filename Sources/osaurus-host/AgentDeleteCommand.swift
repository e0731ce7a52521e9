import ArgumentParser
import Foundation

extension AgentCommand {
  struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Delete an agent and revoke its keys; with --forget, all that was said with it, too.",
      discussion: """
        Example: osaurus-host agent delete Ada --yes
                 osaurus-host agent delete Ada --forget

        What was said with it, what it remembers and learned, and its own database stay, for you alone, unless you say \
        --forget. That can be said later, too, with the id that is shown then.
        """)

    @Argument(help: "Its name, id or address; with --forget also the id of one that was deleted before.")
    var agent: String
    @Flag(help: "Remove its conversations, memory, methods and own database for good.") var forget = false
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try Terminal.requireAnswer(assumingYes: confirmation.yes)
      try await Owner.withConnection { owner in
        let found = try await find(owner)
        let name = found?.name ?? agent
        let loss = found?.loss.map { "\($0) " } ?? ""
        let all = forget ? ", with all that was said with it and that it remembers," : ""
        try Terminal.confirm("\(loss)Delete \(name)\(all) for good?", assumingYes: confirmation.yes)
        let answer =
          forget
          ? try await owner.send("POST", AgentRow.path(found?.id ?? agent, "/forget"))
          : try await owner.send("DELETE", AgentRow.path(found?.id ?? agent))
        if output.json { return try answer.show() }
        let deleted = try answer.decoded(Deleted.self)
        if found != nil {
          Terminal.say("Deleted \(name); its keys are revoked, and its address is never used again.")
        }
        deleted.tell()
      }
    }

    /// The agent; nil for one that is gone, which the host may know by its id.
    private func find(_ owner: Owner) async throws -> AgentRow? {
      do {
        return try await AgentRow.find(agent, owner)
      } catch let failure as CommandFailure {
        guard forget, failure.status == .notFound, UUID(uuidString: agent) != nil else { throw failure }
        return nil
      }
    }
  }

  private struct Deleted: Decodable {
    struct Legacy: Decodable {
      let conversations: Int
      let memories: Int
      let methods: Int
      let database: Bool

      var words: String {
        func count(_ number: Int, _ one: String, _ many: String) -> String? {
          number == 0 ? nil : "\(number) \(number == 1 ? one : many)"
        }
        let parts = [
          count(conversations, "conversation", "conversations"), count(memories, "memory", "memories"),
          count(methods, "method", "methods"), database ? "its database" : nil,
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
      }
    }

    let id: String
    let left: Legacy?
    let forgotten: Legacy?
    let pending: String?

    func tell() {
      if let left, !left.words.isEmpty {
        Terminal.say("What it left stays: \(left.words). Remove that, too:")
        Terminal.say("  osaurus-host agent delete \(id) --forget")
      }
      if let forgotten {
        Terminal.say(
          forgotten.words.isEmpty ? "It left nothing to be forgotten." : "Forgotten: \(forgotten.words).")
      }
      if let pending {
        Terminal.note("What it left is still to be forgotten; the next start goes on with it. \(pending)")
      }
    }
  }
}
