import ArgumentParser
import AsyncHTTPClient
import Connector
import Foundation
import Identity
import Keyring

extension ConnectCommand {
  /// `connect redeem`: turns an invite into a host that is remembered.
  struct Redeem: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Use an invite: get its key, remember the host, and try the channel.",
      discussion: """
        Example: osaurus-host connect redeem               (asks for the link without showing it)
                 osaurus-host connect redeem --qr invite.png

        The link is better typed or piped than passed as an argument, which every user of a machine can read.
        """)

    @Argument(help: "The link, osaurus://…; - or nothing to read it from standard input.") var link: String?
    @Option(help: "A picture of the invite's QR code.") var qr: String?
    @Option(help: "What to call the host here; without it, as the agent is called.") var name: String?
    @Option(help: "Where the host is, if not where the invite says.") var url: String?
    @Option(help: "Where keys rest here: secret-service or file. Without it, the keyring where one answers.")
    var keystore: KeyStoreKind?
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
      if link != nil, qr != nil { throw ValidationError("Give the link or a picture of it, not both.") }
    }

    func run() async throws {
      let read = if let qr { try await InviteText.read(picture: qr) } else { try InviteText.read(link) }
      let invite = try read.verified(now: Int64(Date().timeIntervalSince1970))
      try approve(invite)
      // An invite works once, so what could stand in the way afterwards is looked at before.
      let place = try PeerPlace.make(keyStore: keystore)
      let invited = invite.invite.details.url
      let peer = try Peer(
        name: try name ?? PeerName.free(for: invite.invite.details.name, in: place.book),
        url: url ?? invited, relayURL: Peer.isRelayed(invited, to: invite.invite.agent) ? invited : nil,
        address: invite.invite.agent)
      if try place.book.list().contains(where: { $0.name == peer.name }) {
        throw ConnectorError.peerExists(peer.name)
      }
      let key = try await PeerConnection.withHTTP { client in
        try await InviteRedeemer(client: client).redeem(invite, at: peer)
      }
      do {
        try place.book.add(peer, key: key)
      } catch {
        let failure = FailureTranslation.failure(for: error)
        throw CommandFailure(
          failure.status, failure.code,
          "The invite was used, but its key could not be kept: \(failure.sentence) Ask for a new invite then."
        )
      }
      try await tryChannel(to: peer, key: key, in: place.book)
      let kept = try place.book.peer(named: peer.name)
      if output.json { return Terminal.say(try JSONText.encode(PeerRow(kept))) }
      Terminal.say(
        "\(Terminal.harmless(peer.name)) is remembered: \(peer.address.checksummed) signed the handshake and takes the key."
      )
      Terminal.say(Terminal.dim("Talk to it: osaurus-host connect chat \(peer.name)"))
    }

    /// Shows whom the invite is from, and asks where somebody can be asked.
    private func approve(_ invite: VerifiedInvite) throws {
      let details = invite.invite.details
      let end = Date(timeIntervalSince1970: TimeInterval(invite.invite.expiresAt)).formatted(.iso8601)
      var lines = [
        "The invite is signed by \(invite.invite.agent.checksummed), until \(end).",
        "  agent  \(PeerName.oneLine(details.name))", "  host   \(url ?? details.url)",
      ]
      if let description = details.description {
        lines.insert("  about  \(PeerName.oneLine(description))", at: 2)
      }
      if !invite.detailsAreSigned {
        lines.append("Only the address is signed; name, host and description may be anybody's words.")
      }
      if !output.json || Terminal.inputIsTerminal { for line in lines { Terminal.note(line) } }
      if confirmation.yes || (!Terminal.inputIsTerminal && invite.detailsAreSigned) { return }
      guard Terminal.inputIsTerminal else {
        throw CommandFailure.wrongUsage(
          "The invite's name and URL are not signed by the agent: pass --yes to use it all the same.")
      }
      try Terminal.confirm("Use it here?", assumingYes: false)
    }

    /// Opens a channel and asks for the agent by the new key. The invite is used, so what was got is kept in any case.
    private func tryChannel(to peer: Peer, key: PeerKey, in book: PeerBook) async throws {
      do {
        let answer = try await PeerConnection.with(peer, key: key, book) {
          try await $0.send("GET", "/agents/\(peer.address.checksummed)", body: nil)
        }
        guard answer.status == 200 else {
          throw CommandFailure(.failed, "key_refused", "The host answered with status \(answer.status).")
        }
        if let moved = LearnedPlaces(answer.body)?.applied(to: peer),
          moved.url != peer.url || moved.relayURL != peer.relayURL
        {
          try book.move(peer.name, to: moved.url.absoluteString, relayURL: moved.relayURL?.absoluteString)
        }
      } catch {
        let failure = FailureTranslation.failure(for: error)
        throw CommandFailure(
          failure.status, failure.code,
          "The invite was used and the host is kept as '\(peer.name)', but the channel does not work: \(failure.sentence)",
          nextStep: "Try again with: osaurus-host connect run '\(peer.name)' hello")
      }
    }
  }
}
