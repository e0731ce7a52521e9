import ArgumentParser
import AsyncHTTPClient
import Connector
import Foundation
import Identity
import Inference
import Keyring
import SecretMemory

/// `connect`: agents on other hosts, reached through the secure channel.
struct ConnectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connect",
    abstract: "Talk with agents on other hosts, through the secure channel alone.",
    discussion: "Example: osaurus-host connect run home \"Good morning\"",
    subcommands: [
      BrowseCommand.self, Pair.self, Redeem.self, Add.self, Move.self, Pad.self, List.self, Run.self,
      Chat.self,
      ProxyCommand.self, Forget.self,
    ])

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remember a host: where it is, which agent answers there, and the key for it.",
      discussion: """
        Example: osaurus-host connect add home --url http://192.168.1.20:1337 --address 0x…

        The access key is asked for without showing it, or read from --key-file; it is never an argument, since every
        user of a machine can read the arguments of every process.
        """)

    @Argument(help: "What to call it here.") var name: String
    @Option(help: "Where it is: http://HOST:PORT or https://HOST.") var url: String
    @Option(help: "Where a relay carries requests to it, for when it cannot be reached there.")
    var relay: String?
    @Option(help: "The agent's address, which has to sign every handshake.") var address: String
    @Option(
      name: .customLong("key-file"),
      help: "A file with the access key, readable by you alone; - for standard input.")
    var keyFile: String?
    @Option(
      help: """
        Where keys rest here: secret-service, passphrase, systemd-credential or file. Without it, the keyring where one \
        answers.
        """)
    var keystore: KeyStoreKind?
    @Flag(name: .customLong("no-check"), help: "Do not open a channel to see whether it works.")
    var noCheck = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let address = try Self.parsed(address)
      let peer = try Peer(name: name, url: url, relayURL: relay, address: address)
      let key = try PeerKey(try Self.readKey(keyFile))
      let place = try PeerPlace.make(keyStore: keystore)
      try place.book.add(peer, key: key)
      if !noCheck {
        do {
          _ = try await PeerConnection.with(peer, key: key, place.book) { try await $0.handshake() }
        } catch {
          // A peer that never worked is not kept.
          _ = try? place.book.forget(peer.name)
          throw error
        }
      }
      let kept = try place.book.peer(named: peer.name)
      if output.json { return Terminal.say(try JSONText.encode(PeerRow(kept))) }
      Terminal.say(
        noCheck
          ? "\(peer.name) is remembered. No channel was opened yet."
          : "\(peer.name) is remembered: \(address.checksummed) signed the handshake.")
    }

    private static func parsed(_ text: String) throws -> Address {
      do { return try Address(text) } catch {
        throw CommandFailure.wrongUsage("--address: \(error)")
      }
    }

    private static func readKey(_ file: String?) throws -> SecretBytes {
      guard let file, file != "-" else { return try Terminal.readSecret(prompt: "Access key: ") }
      guard var bytes = try PrivateFile.read(URL(filePath: file), limit: 8192) else {
        throw CommandFailure.notFound("\(file) cannot be read.")
      }
      while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
      return SecretBytes(taking: &bytes)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the hosts that are remembered.", discussion: "Example: osaurus-host connect list --json"
    )

    @OptionGroup var output: OutputOptions

    func run() async throws {
      let peers = try PeerPlace.open().book.list()
      if output.json { return Terminal.say(try JSONText.encode(peers.map(PeerRow.init))) }
      guard !peers.isEmpty else {
        return Terminal.say(
          "No hosts yet. Add one with: osaurus-host connect redeem, or connect add NAME --url URL --address 0x…"
        )
      }
      var table = Table("NAME", "URL", "AGENT", "LAST HANDSHAKE")
      for peer in peers {
        let places = [peer.url] + (peer.relayURL.map { [$0] } ?? [])
        table.add(
          peer.name, places.map(\.absoluteString).joined(separator: " or "), peer.address.checksummed,
          peer.lastHandshake.map { $0.at.formatted(.iso8601) } ?? "never")
      }
      table.show()
    }
  }

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Ask a remote agent one thing.",
      discussion: "Example: osaurus-host connect run home \"Good morning\"")

    @Argument(help: "The host, from 'connect list'.") var name: String
    @Argument(help: "What to say; - for standard input.") var prompt: String
    @Option(help: "The model, instead of the agent's own.") var model: String?

    func run() async throws {
      let prompt = try prompt == "-" ? TextFile.read("-", atMost: 4 * 1024 * 1024) : prompt
      let place = try PeerPlace.open()
      let peer = try place.book.peer(named: name)
      let model = model
      try await PeerConnection.with(peer, key: try place.book.key(of: peer), place.book) { client in
        var conversation = Conversation(with: RemoteAgent(peer: peer, client: client), model: model)
        try await conversation.say(prompt)
      }
    }
  }

  struct Chat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Talk with a remote agent.",
      discussion: "Example: osaurus-host connect chat home       (end with Ctrl-D)")

    @Argument(help: "The host, from 'connect list'.") var name: String
    @Option(help: "The model, instead of the agent's own.") var model: String?

    func run() async throws {
      let place = try PeerPlace.open()
      let peer = try place.book.peer(named: name)
      let model = model
      try await PeerConnection.with(peer, key: try place.book.key(of: peer), place.book) { client in
        var conversation = Conversation(with: RemoteAgent(peer: peer, client: client), model: model)
        try await conversation.followInput()
      }
    }
  }

  struct Move: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say where a host is now: on this network, behind a relay, or both.",
      discussion: """
        Example: osaurus-host connect move home --url http://192.168.1.20:1337

        Where it is on this network, it is asked there; from anywhere else, through the relay. Its key and its address \
        stay, and whoever answers has to be it.
        """)

    @Argument(help: "The host, from 'connect list'.") var name: String
    @Option(help: "Where it is on a network: http://HOST:PORT or https://HOST.") var url: String?
    @Option(help: "Where a relay carries requests to it.") var relay: String?
    @Flag(name: .customLong("no-relay"), help: "No relay carries requests to it any more.") var noRelay =
      false
    @OptionGroup var output: OutputOptions

    func validate() throws {
      if url == nil, relay == nil, !noRelay { throw ValidationError("Say where: --url, --relay or both.") }
      if relay != nil, noRelay { throw ValidationError("Say one of --relay and --no-relay.") }
    }

    func run() async throws {
      let book = try PeerPlace.open().book
      let peer = try book.peer(named: name)
      let before = peer.url.absoluteString
      // A relay's URL that was the only place becomes the second one.
      let known =
        peer.relayURL?.absoluteString ?? (Peer.isRelayed(before, to: peer.address) ? before : nil)
      let moved = try book.move(name, to: url ?? before, relayURL: noRelay ? nil : relay ?? known)
      if output.json { return Terminal.say(try JSONText.encode(PeerRow(moved))) }
      let relay = moved.relayURL.map { ", or else at \($0.absoluteString)" } ?? ""
      Terminal.say("\(Terminal.harmless(name)) is asked at \(moved.url.absoluteString)\(relay).")
    }
  }

  struct Pad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Hide from a relay how long what is said is.",
      discussion: """
        Example: osaurus-host connect pad home

        Everything that is sealed for the host, and by it, is then filled up to one of a few sizes. It costs up to twice \
        as many bytes, and for short pieces of an answer more. When and how often something is said is still to be seen. A \
        host that does not know of padding is not asked anything. --off ends it.
        """)

    @Argument(help: "The host, from 'connect list'.") var name: String
    @Flag(help: "Pad no more.") var off = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let book = try PeerPlace.open().book
      try book.pad(name, isPadded: !off)
      if output.json { return Terminal.say(try JSONText.encode(PeerRow(try book.peer(named: name)))) }
      Terminal.say(
        "What is sealed for \(Terminal.harmless(name)) is \(off ? "not padded any more" : "padded").")
    }
  }

  struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forget a host and its key.", discussion: "Example: osaurus-host connect forget home")

    @Argument(help: "The host, from 'connect list'.") var name: String

    func run() async throws {
      let peer = try PeerPlace.open().book.forget(name)
      Terminal.say(
        "Forgot \(peer.name) and the key for it. The key itself stays valid until it is revoked there.")
    }
  }
}

/// A client for one peer, for as long as a command takes.
enum PeerConnection {
  static func with<R: Sendable>(
    _ peer: Peer, key: PeerKey, _ book: PeerBook, _ body: (PeerClient) async throws -> R
  ) async throws -> R {
    try await withHTTP { http in
      let client = PeerClient(peer: peer, key: key, client: http) { handshake in
        // What is kept of a handshake informs; that it cannot be kept is no reason to stop.
        try? book.record(handshake, for: peer.name)
      }
      return try await body(client)
    }
  }

  /// The same below the channel.
  static func withHTTP<R: Sendable>(_ body: (HTTPClient) async throws -> R) async throws -> R {
    let http = HTTPClient.forPeers()
    do {
      let result = try await body(http)
      try await http.shutdown()
      return result
    } catch {
      try? await http.shutdown()
      throw error
    }
  }
}

/// An agent that is asked through the secure channel.
private struct RemoteAgent: ConversationPartner {
  let peer: Peer
  let client: PeerClient

  func answer(_ request: ChatRequest, _ printer: inout AnswerPrinter) async throws {
    let answer = try await client.stream(
      "POST", "/agents/\(peer.agentID?.uuidString ?? peer.address.checksummed)/run",
      body: [UInt8](try JSONEncoder().encode(request)))
    for try await piece in answer { try printer.feed(piece) }
  }
}

struct PeerRow: Encodable {
  struct Handshake: Encodable {
    let signer: String
    let at: Date
  }

  let name: String
  let url: String
  let relayURL: String?
  let address: String
  let agentID: UUID?
  let addedAt: Date
  let isPadded: Bool
  let lastHandshake: Handshake?

  init(_ peer: Peer) {
    name = peer.name
    url = peer.url.absoluteString
    relayURL = peer.relayURL?.absoluteString
    address = peer.address.checksummed
    agentID = peer.agentID
    addedAt = peer.addedAt
    isPadded = peer.isPadded
    lastHandshake = peer.lastHandshake.map { Handshake(signer: $0.signer.checksummed, at: $0.at) }
  }
}
