import ArgumentParser
import Foundation

/// `pair`: devices that ask to be let in, and the owner's word on them.
struct PairCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pair",
    abstract: "Let devices in that ask for an agent, or do not.",
    discussion: """
      Example: osaurus-host pair watch

      A device asks with 'osaurus-host connect pair', or in the way of its own program. It shows four words while it \
      waits. Let it in if you see the same four here: then it is that device, and nobody in its place. Programs of other \
      makes show no words; compare the address of the connector then. One device asks at a time, and is denied after two \
      minutes.
      """,
    subcommands: [Requests.self, Approve.self, Deny.self, Watch.self])

  struct Requests: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show who asks to be let in right now.",
      discussion: "Example: osaurus-host pair requests --json")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withService { owner in
        let answer = try await owner.send("GET", "/control/pair/requests")
        if output.json { return try answer.show(member: "requests") }
        let requests = try answer.decoded(RequestList<PairRequestRow>.self).requests
        guard !requests.isEmpty else {
          return Terminal.say("Nobody asks to be let in. Wait for it with: osaurus-host pair watch")
        }
        for request in requests {
          request.facts.show()
          Terminal.say(
            Terminal.dim("If the device shows these words: osaurus-host pair approve \(request.id)"))
        }
      }
    }
  }

  struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let a device in. It gets an access key for the agent, for 90 days.",
      discussion: """
        Example: osaurus-host pair approve 1f2e3d4c

        The id is in 'osaurus-host pair requests', with the words to compare. 'osaurus-host peer revoke' takes it back.
        """)

    @Argument(help: "The request's id.") var id: String
    @Flag(help: "Let it in for ever, until you revoke it.") var permanent = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withService { owner in
        let answer = try await owner.send(
          "POST", PairRequestRow.path(id, "/approve"), PairOrder(permanent: permanent))
        if output.json { return try answer.show() }
        Terminal.say(try answer.decoded(PairOutcome.self).sentence)
      }
    }
  }

  struct Deny: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Send a device away. Its network may not ask again for half a minute.",
      discussion: "Example: osaurus-host pair deny 1f2e3d4c")

    @Argument(help: "The request's id, from 'pair requests'.") var id: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withService { owner in
        // A host that has not been asked who waits takes nobody's word on it.
        _ = try await owner.send("GET", "/control/pair/requests")
        let answer = try await owner.send("POST", PairRequestRow.path(id, "/deny"))
        if output.json { return try answer.show() }
        Terminal.say("Denied.")
      }
    }
  }
}

struct PairOrder: Encodable { let permanent: Bool }

struct PairRequestRow: Codable, Hashable, Sendable {
  let id: String
  let agent: String
  let agentAddress: String
  let connector: String
  let words: String
  let from: String
  let askedAt: String
  let endsAt: String

  static func path(_ id: String, _ action: String) -> String {
    "/control/pair/requests/\(Owner.pathSegment(id))\(action)"
  }

  /// Who asks, for a person to decide on.
  var facts: Facts {
    var facts = Facts(title: "A device asks for \(agent)")
    facts.add("words", words)
    facts.add("connector", connector)
    facts.add("from", from)
    facts.add("agent", "\(agent) (\(agentAddress))")
    facts.add("until", endsAt)
    facts.add("id", id)
    return facts
  }
}

struct PairOutcome: Decodable {
  struct Peer: Decodable {
    let id: String
    let agent: String?
    let label: String
    let expiresAt: String?
  }

  /// `paired` or `denied`.
  let status: String
  let peer: Peer?

  /// What happened, and how to take it back.
  var sentence: String {
    guard let peer else { return status == "paired" ? "Let in." : "Denied." }
    let end = peer.expiresAt.map { "until \(Moment.day($0))" } ?? "for ever"
    return """
      It may reach \(Terminal.harmless(peer.agent ?? "the agent")) \(end).
      Take it back with: osaurus-host peer revoke \(peer.id.prefix(8))
      """
  }
}
