import ArgumentParser
import Foundation
import Host
import Identity

extension AgentCommand {
  /// `agent restore`: brings an agent back that this identity had on another host.
  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Bring back an agent that this identity had elsewhere, by the index or the address that it had.",
      discussion: """
        Example: osaurus-host agent restore Ada --index 0
        By address: osaurus-host agent restore Ada --address 0x…

        What the agent was told is not known here; 'agent show' tells the index where it lives. The index of an address \
        is searched for where hosts take them from: the first 65536, and the first 16 of each of 262144 blocks, which \
        takes some minutes.
        """)

    @Argument(help: "What to call it; without a name, by its index.") var name: String?
    @Option(help: "The index of its key.") var index: UInt32?
    @Option(help: "The address that it had.") var address: String?
    @OptionGroup var traits: AgentTraits
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard (index == nil) != (address == nil) else {
        throw ValidationError("An agent is brought back by --index or by --address.")
      }
    }

    func run() async throws {
      let index = try await wantedIndex()
      var change = try traits.change(name: name ?? "agent-\(index)")
      change.index = index
      try await Owner.withConnection { [change] owner in
        let answer = try await owner.send("POST", "/control/agents", change)
        if output.json { return try answer.show() }
        let agent = try answer.decoded(AgentRow.self)
        Terminal.say("\(agent.name) lives here as well, at \(agent.address ?? "none").")
        Self.tellOfOtherHosts()
      }
    }

    /// What follows from an index that the owner names.
    static func tellOfOtherHosts() {
      Terminal.note(
        """
        Another host of this identity may go on serving this agent; nothing here can tell. Keys that it makes for the \
        agent open it here, too, and so do older ones unless they were shut: osaurus-host identity shut-keys
        """)
    }

    private func wantedIndex() async throws -> UInt32 {
      if let index { return index }
      let address = try Address(self.address ?? "")
      let master = try WordsAcknowledgement(folders: try await OpenHost.finishedFolders()).master()
      let progress = ProgressLine(isQuiet: output.json || !Terminal.isShown(.error))
      let search = AgentIndexSearch()
      let found = try search.find(address, below: master) { tried in
        if tried.isMultiple(of: 16_384) {
          progress.show("\(100 * tried / search.count) % of the indices tried")
        }
      }
      progress.finish("")
      guard let found else {
        throw CommandFailure.notFound(
          "None of the indices that hosts take from gives \(address.checksummed); is it of this identity?")
      }
      return found.rawValue
    }
  }
}
