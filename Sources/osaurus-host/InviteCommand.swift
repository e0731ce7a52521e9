import ArgumentParser
import Foundation

/// `invite`: lets somebody in by a link that works once.
struct InviteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "invite",
    abstract: "Invite a device or a person to one agent, by a link that works once.",
    discussion: "Example: osaurus-host invite create Ada --expires 24h --label \"Bob's phone\"",
    subcommands: [Create.self, List.self, Show.self, Revoke.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make an invite. On a terminal it is shown as a QR code, too.",
      discussion: """
        Example: osaurus-host invite create Ada --expires 24h --url http://192.168.1.20:1337

        Until it is used or ends, the link is a secret like a key: whoever has it can have one access key for the agent, \
        which then lives a year. 'osaurus-host connect redeem' uses it on the other machine.
        """)

    @Argument(help: "The agent that it opens: its name, id or address.") var agent: String
    @Option(help: "How long it holds: 1m to 30d, such as 30m, 24h or 7d.") var expires = "24h"
    @Option(
      help: """
        Where this host is reached. Without it, where the agent is reached through the relay, else the address that the \
        host listens on.
        """)
    var url: String?
    @Flag(help: "Make it only if it leads through the relay.") var relay = false
    @Option(help: "Whom it is for.") var label: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
      if relay, url != nil { throw ValidationError("Say one of --url and --relay.") }
    }

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", "/control/invites",
          InviteOrder(agent: agent, expires: expires, url: url, relay: relay, label: label))
        if output.json { return try answer.show() }
        let invite = try answer.decoded(InviteRow.self)
        InviteLink.show(invite)
        Terminal.note(
          """

          It lets one device in to \(Terminal.harmless(invite.agent, on: .error)) at \(invite.url), once, until \
          \(invite.expiresAt).
          Whoever uses it first is let in, so hand it over as you would a key.
          Take it back with: osaurus-host invite revoke \(invite.id.prefix(8))
          """)
        if let note = invite.note { Terminal.note(note) }
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the invites and what became of them.", discussion: "Example: osaurus-host invite list")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/invites")
        if output.json { return try answer.show(member: "invites") }
        let invites = try answer.decoded(InviteList.self).invites
        guard !invites.isEmpty else {
          return Terminal.say("No invites yet. Make one with: osaurus-host invite create AGENT")
        }
        var table = Table("ID", "STATUS", "AGENT", "FOR", "EXPIRES", "FROM")
        for invite in invites {
          table.add(
            String(invite.id.prefix(8)), invite.status, invite.agent, invite.label ?? "", invite.expiresAt,
            invite.redeemedFrom ?? "")
        }
        table.show()
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show an invite, with its link while that can be used.",
      discussion: "Example: osaurus-host invite show 6F9619FF")

    @Argument(help: "The invite's id, from 'invite list'.") var id: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/invites/\(Owner.pathSegment(id))")
        if output.json { return try answer.show() }
        let invite = try answer.decoded(InviteRow.self)
        if invite.link != nil {
          InviteLink.show(invite)
          Terminal.say()
        }
        Terminal.say("  id        \(invite.id)")
        Terminal.say("  status    \(invite.status)")
        Terminal.say("  agent     \(Terminal.harmless(invite.agent)) (\(invite.agentAddress))")
        Terminal.say("  for       \(invite.label.map { Terminal.harmless($0) } ?? "whoever has it")")
        Terminal.say("  url       \(invite.url)")
        Terminal.say("  expires   \(invite.expiresAt)")
        if let redeemedAt = invite.redeemedAt {
          Terminal.say("  redeemed  \(redeemedAt) from \(invite.redeemedFrom ?? "somewhere")")
          Terminal.say("  key       \(invite.key ?? "gone")")
        }
        if let revokedAt = invite.revokedAt { Terminal.say("  revoked   \(revokedAt)") }
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take an invite back, and the key that came of it.",
      discussion: "Example: osaurus-host invite revoke 6F9619FF")

    @Argument(help: "The invite's id, from 'invite list'.") var id: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/invites/\(Owner.pathSegment(id))/revoke")
        if output.json { return try answer.show() }
        let invite = try answer.decoded(InviteRow.self)
        Terminal.say(
          invite.key == nil
            ? "Revoked. Nobody can use it any more."
            : "Revoked. The key that came of it is refused from the next request on.")
      }
    }
  }
}

/// The link of an invite, shown to be copied or scanned.
private enum InviteLink {
  static func show(_ invite: InviteRow) {
    guard let link = invite.link else { return }
    if Terminal.isDecorated(), let code = QRCode(link) {
      let size = Terminal.size
      if let lines = code.lines(columns: size.columns) {
        for line in lines { Terminal.say(line) }
        if lines.count >= size.rows {
          Terminal.note("To scan it, make the terminal \(lines.count + 2) lines high or its letters smaller.")
        }
      } else {
        Terminal.note(
          "A terminal of \(code.leastColumns) columns would show a QR code here: osaurus-host invite show \(invite.id.prefix(8))"
        )
      }
    }
    Terminal.say(link)
  }
}

private struct InviteOrder: Encodable {
  let agent: String
  let expires: String
  let url: String?
  let relay: Bool
  let label: String?
}

private struct InviteList: Decodable { let invites: [InviteRow] }

private struct InviteRow: Decodable {
  let id: String
  /// `open`, `redeemed`, `expired` or `revoked`.
  let status: String
  let agent: String
  let agentAddress: String
  let label: String?
  let url: String
  let expiresAt: String
  let redeemedAt: String?
  let redeemedFrom: String?
  let key: String?
  let revokedAt: String?
  let link: String?
  let note: String?
}
