import ArgumentParser
import Foundation

/// `key`: access keys, which let a device in, and who else may make them.
struct KeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key",
    abstract: "Make, list and revoke access keys, and say who else may make them.",
    discussion: "Example: osaurus-host key create --agent Ada --expires 30d --label phone",
    subcommands: [
      Create.self, List.self, Show.self, Revoke.self, Trust.self, Trusted.self, Distrust.self,
    ])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make an access key. It is shown once and never stored.",
      discussion: "Example: osaurus-host key create --agent Ada --expires 30d --json")

    @Option(help: "The agent that it opens (name, id or address); without it, the whole host.")
    var agent: String?
    @Option(help: "How long it lives: 30d, 90d, 1y or never.") var expires = "90d"
    @Option(help: "What to call it, such as the device that gets it.") var label: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard ["30d", "90d", "1y", "never"].contains(expires) else {
        throw ValidationError("--expires takes 30d, 90d, 1y or never.")
      }
    }

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", "/control/keys", KeyOrder(agent: agent, expires: expires, label: label))
        if output.json { return try answer.show() }
        let key = try answer.decoded(MintedKeyRow.self)
        Terminal.say(key.key)
        Terminal.note(
          """

          This is the only time that the key is shown. It opens \(key.agent ?? "the whole host"); lifetime \(expires).
          Take it back with: osaurus-host key revoke \(key.fingerprint)
          """)
        if key.status == "legacy" {
          Terminal.note("A key for everything that never ends is best avoided: see --agent and --expires.")
        }
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the access keys that were made here.",
      discussion: """
        Example: osaurus-host key list

        STATUS is active, expired, revoked, legacy (good for the whole host and for ever: replace it) or stale (for an \
        address that is gone, so that it opens nothing). The key itself is kept nowhere; its fingerprint is the \
        beginning of its SHA-256: printf %s "$KEY" | sha256sum
        """)

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/keys")
        if output.json { return try answer.show(member: "keys") }
        let keys = try answer.decoded(KeyList.self).keys
        guard !keys.isEmpty else {
          return Terminal.say("No keys yet. Make one with: osaurus-host key create --agent NAME")
        }
        var table = Table("LABEL", "STATUS", "OPENS", "EXPIRES", "LAST USED", "FINGERPRINT")
        for key in keys {
          table.add(
            key.label ?? "", key.status, key.opens, key.expiresAt.map(Moment.day) ?? "never",
            key.lastUsedAt.map(Moment.minute) ?? "never", key.fingerprint)
        }
        table.show()
        if keys.contains(where: { $0.advice != nil }) {
          Terminal.say(
            Terminal.dim("For what to do about legacy and stale keys: osaurus-host key show FINGERPRINT"))
        }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show one access key: everything but its text, which is kept nowhere.",
      discussion: "Example: osaurus-host key show phone")

    @Argument(help: "Its id, its fingerprint or the first 6 digits of it, or its label.") var key: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", KeyRow.path(key))
        if output.json { return try answer.show() }
        let found = try answer.decoded(KeyRow.self)
        var facts = Facts(title: found.label ?? found.fingerprint)
        facts.add("status", found.status)
        facts.add("opens", found.opens)
        facts.add("fingerprint", found.fingerprint)
        facts.add("id", found.id)
        facts.add("made", found.createdAt)
        facts.add("expires", found.expiresAt ?? "never")
        facts.add("last used", found.lastUsedAt ?? "never, as far as is known")
        facts.add("revoked", found.revokedAt)
        facts.add("issuer", found.issuer)
        facts.add("counter", "\(found.counter)")
        facts.add("advice", found.advice)
        facts.show()
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revoke one access key, or all. It holds from the next request on.",
      discussion: """
        Example: osaurus-host key revoke phone
        Example: osaurus-host key revoke --all --agent Ada --yes

        --all revokes every key that was made until now, also keys that are not on the list, and takes open invites \
        back: all of the host, or those of one agent. Keys that are made afterwards are good. Foreign issuers that you trust may make new ones; see \
        'osaurus-host key trusted'.
        """)

    @Argument(help: "Its id, its fingerprint or the first 6 digits of it, or its label.") var key: String?
    @Flag(help: "Every key that was made until now.") var all = false
    @Option(help: "With --all: only the keys of this agent (name, id or address).") var agent: String?
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard (key == nil) == all else { throw ValidationError("Name one key, or pass --all.") }
      guard all || agent == nil else { throw ValidationError("--agent belongs to --all.") }
    }

    func run() async throws {
      guard let key else { return try await revokeAll() }
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", KeyRow.path(key, "/revoke"))
        if output.json { return try answer.show() }
        Terminal.say("Revoked. It is refused from the next request on.")
      }
    }

    private func revokeAll() async throws {
      let whose = agent.map { "of \($0)" } ?? "of this host and its agents"
      try Terminal.confirm(
        "Every access key \(whose) that was made until now stops working. Go on?",
        assumingYes: confirmation.yes)
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/keys/revoke-all", MassOrder(agent: agent))
        if output.json { return try answer.show() }
        let gone = try answer.decoded(MassRow.self)
        Terminal.say("Revoked all keys \(whose), \(gone.revoked) of them on the list.")
        if gone.trustedIssuers > 0 {
          Terminal.say("Foreign issuers may still make keys: osaurus-host key trusted")
        }
      }
    }
  }
}

struct KeyOrder: Encodable {
  let agent: String?
  let expires: String
  let label: String?
}

struct MintedKeyRow: Decodable {
  let key: String
  let fingerprint: String
  let agent: String?
  let status: String
}

private struct MassOrder: Encodable { let agent: String? }

private struct MassRow: Decodable {
  let revoked: Int
  let trustedIssuers: Int
}

struct KeyList: Decodable { let keys: [KeyRow] }

struct KeyRow: Decodable {
  let id: String
  let label: String?
  let fingerprint: String
  let status: String
  let advice: String?
  /// `master` or `agent`.
  let scope: String
  /// The name of the agent that it opens.
  let agent: String?
  let issuer: String
  let counter: Int64
  let createdAt: String
  let expiresAt: String?
  let revokedAt: String?
  let lastUsedAt: String?

  /// What it opens, or opened.
  var opens: String { scope == "master" ? "whole host" : agent ?? "(gone)" }

  static func path(_ reference: String, _ action: String = "") -> String {
    "/control/keys/\(Owner.pathSegment(reference))\(action)"
  }
}

/// Times of the host's answers, shortened for a table.
enum Moment {
  static func day(_ text: String) -> String { String(text.prefix(10)) }

  static func minute(_ text: String) -> String {
    String(text.prefix(16)).replacing("T", with: " ")
  }
}
