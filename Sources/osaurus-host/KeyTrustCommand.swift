import ArgumentParser
import Foundation
import Identity

extension KeyCommand {
  struct Trust: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take the keys that somebody else's address signs, for one agent or for more.",
      discussion: """
        Example: osaurus-host key trust 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --agent Ada --label studio

        Whoever has that address's private key can make keys for what you say here, as often as they like, until \
        'osaurus-host key distrust'. With --agent they are for that agent alone, and the trust ends with its address; \
        with --all-agents each is for one agent, whichever; with --whole-host they may open everything.
        """)

    @Argument(help: "The address that signs.") var issuer: String
    @OptionGroup var scope: TrustOptions
    @Option(help: "What to call it.") var label: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard scope.isGiven else {
        throw ValidationError("Say what for: --agent NAME, --all-agents or --whole-host.")
      }
    }

    func run() async throws {
      let issuer = try TrustOptions.address(issuer)
      try await Owner.withConnection { owner in
        let order = scope.order(issuer: issuer.checksummed, label: label)
        let answer = try await owner.send("POST", "/control/issuers", order)
        if output.json { return try answer.show() }
        let entry = try answer.decoded(IssuerRow.self)
        Terminal.say("Keys that \(entry.issuer) signs are taken for \(entry.opens) from now on.")
        Terminal.say(Terminal.dim("Take it back with: osaurus-host key distrust \(entry.issuer)"))
      }
    }
  }

  struct Trusted: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the foreign addresses whose keys are taken, and for what.",
      discussion: "Example: osaurus-host key trusted --json")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/issuers")
        if output.json { return try answer.show(member: "issuers") }
        let entries = try answer.decoded(IssuerList.self).issuers
        guard !entries.isEmpty else {
          return Terminal.say("Nobody else may make keys: only this host's own are taken.")
        }
        var table = Table("ISSUER", "FOR", "SINCE", "LABEL")
        for entry in entries {
          table.add(
            entry.issuer, entry.opens, entry.addedAt.map(Moment.day) ?? "unknown", entry.label ?? "")
        }
        table.show()
      }
    }
  }

  struct Distrust: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a foreign address's keys no more. It holds from the next request on.",
      discussion: """
        Example: osaurus-host key distrust 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed

        Without an option it is trusted for nothing any more; with one, only that is taken back.
        """)

    @Argument(help: "The address that signs.") var issuer: String
    @OptionGroup var scope: TrustOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let issuer = try TrustOptions.address(issuer)
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", "/control/issuers/\(issuer.checksummed)/distrust", scope.order(issuer: nil, label: nil))
        if output.json { return try answer.show(member: "issuers") }
        let opened = try answer.decoded(IssuerList.self).issuers.map(\.opens).joined(separator: ", ")
        Terminal.say("Keys that \(issuer.checksummed) signs are not taken for \(opened) any more.")
      }
    }
  }
}

/// What somebody else's keys are good for.
struct TrustOptions: ParsableArguments {
  @Option(help: "One agent (name, id or address).") var agent: String?
  @Flag(help: "Every agent there is and will be, but not the host itself.") var allAgents = false
  @Flag(help: "The host itself and every agent.") var wholeHost = false

  var isGiven: Bool { agent != nil || allAgents || wholeHost }

  func validate() throws {
    guard [agent != nil, allAgents, wholeHost].count(where: { $0 }) <= 1 else {
      throw ValidationError("Pass one of --agent, --all-agents and --whole-host.")
    }
  }

  func order(issuer: String?, label: String?) -> TrustOrder {
    let scope = agent != nil ? "agent" : allAgents ? "every-agent" : wholeHost ? "host" : nil
    return TrustOrder(issuer: issuer, scope: scope, agent: agent, label: label)
  }

  /// An address that a person typed.
  static func address(_ text: String) throws -> Address {
    do {
      return try Address(text)
    } catch {
      throw CommandFailure.wrongUsage(error.description)
    }
  }
}

struct TrustOrder: Encodable {
  let issuer: String?
  let scope: String?
  let agent: String?
  let label: String?
}

private struct IssuerList: Decodable { let issuers: [IssuerRow] }

private struct IssuerRow: Decodable {
  let issuer: String
  /// `agent`, `every-agent` or `host`.
  let scope: String
  let agent: String?
  let agentAddress: String?
  let label: String?
  let addedAt: String?

  /// What its keys are good for.
  var opens: String {
    switch scope {
    case "agent": agent ?? agentAddress ?? "an agent that is gone"
    case "every-agent": "every agent"
    default: "the whole host"
    }
  }
}
