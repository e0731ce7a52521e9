import ArgumentParser
import Foundation

/// `peer`: the devices that were let in.
struct PeerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "peer",
    abstract: "See which devices were let in, and send them away.",
    discussion: "Example: osaurus-host peer list",
    subcommands: [List.self, Revoke.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the devices that came by pairing or by an invite.",
      discussion: """
        Example: osaurus-host peer list --json

        Keys that you made by hand are in 'osaurus-host key list', as are those of the devices here.
        """)

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/peers")
        if output.json { return try answer.show(member: "peers") }
        let peers = try answer.decoded(PeerList.self).peers
        guard !peers.isEmpty else {
          return Terminal.say(
            "No devices yet. Let one in with: osaurus-host pair watch, or osaurus-host invite create AGENT")
        }
        var table = Table("ID", "WHO", "AGENT", "STATUS", "SINCE", "LAST SEEN", "EXPIRES")
        for peer in peers {
          table.add(
            String(peer.id.prefix(8)), peer.who, peer.agent ?? "(gone)", peer.status, Moment.day(peer.since),
            peer.lastSeenAt.map(Moment.minute) ?? "never", peer.expiresAt.map(Moment.day) ?? "never")
        }
        table.show()
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Send a device away. Its key is refused from the next request on.",
      discussion: """
        Example: osaurus-host peer revoke 6F9619FF

        With a connector's address, all that this connector was let in for ends. Answers that it is being given are cut.
        """)

    @Argument(help: "The id from 'peer list', or the address of a connector.") var peer: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/peers/\(Owner.pathSegment(peer))/revoke")
        if output.json { return try answer.show(member: "peers") }
        let count = try answer.decoded(PeerList.self).peers.count
        Terminal.say(
          count == 1
            ? "Revoked. Its key is refused from the next request on."
            : "Revoked. Its \(count) keys are refused from the next request on.")
      }
    }
  }
}

private struct PeerList: Decodable { let peers: [HostPeerRow] }

private struct HostPeerRow: Decodable {
  let id: String
  /// `pairing` or `invite`.
  let via: String
  let connector: String?
  let label: String
  let agent: String?
  let status: String
  let since: String
  let lastSeenAt: String?
  let expiresAt: String?

  var who: String { connector ?? "\(label) (by invite)" }
}
