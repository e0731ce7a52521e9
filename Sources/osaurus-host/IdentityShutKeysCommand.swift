import ArgumentParser
import Foundation

/// `identity shut-keys`: refuses every access key that was made before now, wherever that was.
struct IdentityShutKeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shut-keys",
    abstract: "Refuse every access key of this identity that was made before now, here or on another host.",
    discussion: """
      Example: osaurus-host identity shut-keys --yes

      For keys that this host knows nothing of: after a recovery, or where another host has the same identity. It holds \
      here alone; keys that are made here afterwards are taken.
      """)

  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try Terminal.confirm(
      "Every device that was paired with this host or an agent on it loses its access. Go on?",
      assumingYes: confirmation.yes)
    try await Owner.withConnection { owner in
      let answer = try await owner.send("POST", "/control/identity/shut-keys")
      if output.json { return try answer.show() }
      let shut = try answer.decoded(Shut.self)
      Terminal.say(
        "Keys with a counter below \(shut.floor) are refused; \(shut.revokedKeys) of those that were made here are revoked."
      )
      Terminal.say("Make new ones with: osaurus-host key create")
    }
  }

  private struct Shut: Decodable {
    let floor: Int64
    let revokedKeys: Int
  }
}
