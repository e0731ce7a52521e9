import ArgumentParser
import Foundation

/// `key`: access keys, which let a device in.
struct KeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key",
    abstract: "Make, list and revoke access keys.",
    discussion: "Example: osaurus-host key create --agent Ada --expires 30d --label phone",
    subcommands: [Create.self, List.self, Revoke.self])

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

          This is the only time that the key is shown. It opens \(agent ?? "the whole host"); lifetime \(expires).
          Take it back with: osaurus-host key revoke \(key.id)
          """)
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the access keys that were made here.",
      discussion: "Example: osaurus-host key list")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/keys")
        if output.json { return try answer.show(member: "keys") }
        let keys = try answer.decoded(KeyList.self).keys
        guard !keys.isEmpty else {
          return Terminal.say("No keys yet. Make one with: osaurus-host key create --agent NAME")
        }
        var table = Table("LABEL", "STATUS", "OPENS", "EXPIRES", "ID")
        for key in keys {
          table.add(
            key.label ?? "", key.status, key.agent ?? key.scope, key.expiresAt ?? "never", key.id)
        }
        table.show()
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revoke an access key. It holds from the next request on.",
      discussion: "Example: osaurus-host key revoke 6F9619FF-8B86-D011-B42D-00CF4FC964FF")

    @Argument(help: "The key's id, from 'key list'.") var id: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/keys/\(Owner.pathSegment(id))/revoke")
        if output.json { return try answer.show() }
        Terminal.say("Revoked. It is refused from the next request on.")
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
  let id: String
  let key: String
}

struct KeyList: Decodable { let keys: [KeyRow] }

struct KeyRow: Decodable {
  let id: String
  let label: String?
  /// `master` or `agent`.
  let scope: String
  /// The name of the agent that it opens.
  let agent: String?
  let expiresAt: String?
  let revokedAt: String?

  var status: String {
    if revokedAt != nil { return "revoked" }
    let expiry = expiresAt.flatMap { try? Date($0, strategy: .iso8601) }
    return expiry.map { $0 <= Date() } == true ? "expired" : "active"
  }
}
