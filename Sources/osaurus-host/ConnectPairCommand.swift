import ArgumentParser
import AsyncHTTPClient
import Connector
import Foundation
import Identity
import Keyring
import Pairing
import Synchronization

extension ConnectCommand {
  /// `connect pair`: asks the owner of a host to be let in.
  struct Pair: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Ask a host's owner to be let in to an agent, remember the host, and try the channel.",
      discussion: """
        Example: osaurus-host connect pair Ada
        Example: osaurus-host connect pair --url http://192.168.1.20:1337 --agent 0x…
        Example: osaurus-host connect pair --url http://192.168.1.20:1337 --agent 6F9619FF-… --address 0x… --name home

        Without --url the agent is looked for among those that are announced on the network, as 'connect browse' shows \
        them. Anybody there can announce anything: compare the words, and the address with what the owner tells you.

        It shows four words, which the owner has to see, too, and waits for two minutes. With the agent's address nobody \
        else can answer in its place. Without it, you are shown who answered, and have to compare that yourself.

        This machine signs with a key that it uses for this agent and no other.
        """)

    @Argument(help: "An agent that is announced on the network: its name, id or address.")
    var announced: String?
    @Option(help: "Where the host is: http://HOST:PORT or https://HOST.") var url: String?
    @Option(help: "The agent: its address or its id, from 'agent show' there.") var agent: String?
    @Option(help: "The agent's address, where --agent is its id.") var address: String?
    @Option(help: "What to call the host here; without it, as the agent is called.") var name: String?
    @Option(help: "Where keys rest here: secret-service or file. Without it, the keyring where one answers.")
    var keystore: KeyStoreKind?
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard (url == nil) == (agent == nil) else {
        throw ValidationError("Say both --url and --agent, or neither of them.")
      }
      guard url == nil || announced == nil else {
        throw ValidationError("Say the name of an announced agent, or --url and --agent.")
      }
      guard url != nil || address == nil else {
        throw ValidationError("--address goes with --url and --agent.")
      }
    }

    func run() async throws {
      let expected: Address?
      do { expected = try address.map { try Address($0) } } catch {
        throw CommandFailure.wrongUsage("--address: \(error)")
      }
      try await PairingVisit(
        target: try await target(expected), name: name,
        keystore: keystore, believesAnybody: confirmation.yes, json: output.json
      ).run()
    }

    private func target(_ expected: Address?) async throws -> PairingTarget {
      guard let url, let agent else { return try await AnnouncedAgent.choose(announced) }
      return try PairingTarget(url: url, agent: agent, address: expected)
    }
  }
}

/// One visit to a host to be let in, from the question to a channel that works. What is asked for may come from an
/// argument or from what was found on the network.
struct PairingVisit {
  let target: PairingTarget
  /// What to call the host here; nil for what the agent is called.
  let name: String?
  let keystore: KeyStoreKind?
  /// Whether whoever answers is believed without a question, where it is not known who has to.
  let believesAnybody: Bool
  let json: Bool

  func run() async throws {
    if target.expected == nil, !believesAnybody, !Terminal.inputIsTerminal {
      throw CommandFailure.wrongUsage(
        "Without the agent's address it is not known who has to answer: pass --address 0x…, or --yes to believe whoever does."
      )
    }
    // The owner says yes once, so what could stand in the way afterwards is looked at before.
    let place = try PeerPlace.make(keyStore: keystore)
    if let name {
      _ = try Peer(name: name, url: target.url.absoluteString, address: PeerName.anyAddress)
      if try place.book.list().contains(where: { $0.name == name }) { throw ConnectorError.peerExists(name) }
    }
    let seed = try place.book.connectorSeed()
    let connector = try seed.signingKey(for: target.agent)
    let paired = try await ask(as: connector)
    try compare(paired, connector)
    let (agent, problem) = await tryChannel(paired)
    let asked = try Peer(
      name: try name ?? PeerName.free(for: agent?.name ?? target.url.host() ?? "agent", in: place.book),
      url: target.url.absoluteString, address: paired.address, agentID: target.agentID)
    let peer = agent?.applied(to: asked) ?? asked
    do {
      try place.book.keep(seed)
      try place.book.add(peer, key: paired.key)
    } catch {
      let failure = FailureTranslation.failure(for: error)
      throw CommandFailure(
        failure.status, failure.code,
        "The host let this machine in, but the key could not be kept: \(failure.sentence)",
        nextStep: "Have its owner revoke it: osaurus-host peer revoke \(connector.address)")
    }
    if let problem {
      throw CommandFailure(
        problem.status, problem.code,
        "The host let this machine in and is kept as '\(peer.name)', but the channel does not work: \(problem.sentence)",
        nextStep: "Try again with: osaurus-host connect run \(ShellWord.quoted(peer.name)) hello")
    }
    if json { return Terminal.say(try JSONText.encode(PeerRow(peer))) }
    Terminal.say(
      "\(Terminal.harmless(peer.name)) is remembered: \(peer.address.checksummed) signed the handshake and takes the key\(paired.isPermanent ? "" : ", for 90 days")."
    )
    Terminal.say(Terminal.dim("Talk to it: osaurus-host connect chat \(ShellWord.quoted(peer.name))"))
  }

  /// Asks, and shows the words and the time that is left meanwhile.
  private func ask(as connector: SigningKey) async throws -> PairedAgent {
    let progress = ProgressLine(isQuiet: !Terminal.isDecorated(.error))
    let countdown = Countdown(progress)
    defer { countdown.stop() }
    return try await PeerConnection.withHTTP { http in
      let client = PairingClient(client: http)
      return try await client.pair(with: target, as: connector) { words in
        Terminal.note(
          """
          This machine asks to be let in as \(connector.address.checksummed). The owner has to see the same words there:

              \(words)

          There: osaurus-host pair watch
          """)
        countdown.start(seconds: client.patience)
      }
    }
  }

  /// Says who answered where nobody said who should, and asks a person whether that is right.
  private func compare(_ paired: PairedAgent, _ connector: SigningKey) throws {
    guard target.expected == nil else { return }
    Terminal.note(
      """
      \(paired.address.checksummed) answered. This was compared with nothing: the agent's address is in \
      'osaurus-host agent show' there.
      """)
    do {
      try Terminal.confirm("Is that the agent's address?", assumingYes: believesAnybody)
    } catch {
      throw CommandFailure(
        .failed, "not_confirmed", "Nothing was kept here.",
        nextStep: "Have the owner revoke it there: osaurus-host peer revoke \(connector.address)")
    }
  }

  /// Opens a channel and asks for the agent by the new key.
  /// - Returns: what the agent is called and where else it is, and what keeps the channel from working.
  private func tryChannel(_ paired: PairedAgent) async -> (agent: LearnedPlaces?, problem: CommandFailure?) {
    do {
      let peer = try Peer(name: "new", url: target.url.absoluteString, address: paired.address)
      let answer = try await PeerConnection.withHTTP { http in
        try await PeerClient(peer: peer, key: paired.key, client: http)
          .send("GET", "/agents/\(target.agent)", body: nil)
      }
      guard answer.status == 200 else {
        throw CommandFailure(.failed, "key_refused", "The host answered with status \(answer.status).")
      }
      return (LearnedPlaces(answer.body), nil)
    } catch {
      return (nil, FailureTranslation.failure(for: error))
    }
  }
}

/// A line with the time that is left, redrawn every second.
private final class Countdown: Sendable {
  private struct State {
    var task: Task<Void, Never>?
    var isOver = false
  }

  private let progress: ProgressLine
  private let state = Mutex(State())

  init(_ progress: ProgressLine) { self.progress = progress }

  func start(seconds: Int) {
    state.withLock { state in
      guard !state.isOver, state.task == nil else { return }
      state.task = Task {
        for left in stride(from: seconds, to: 0, by: -1) {
          show(left)
          do { try await Task.sleep(for: .seconds(1)) } catch { return }
        }
      }
    }
  }

  /// Takes the line away for good.
  func stop() {
    state.withLock { state in
      state.isOver = true
      state.task?.cancel()
      progress.clear()
    }
  }

  private func show(_ left: Int) {
    let seconds = left % 60 < 10 ? "0\(left % 60)" : "\(left % 60)"
    state.withLock { state in
      if !state.isOver { progress.show("waiting for the owner, \(left / 60):\(seconds) left") }
    }
  }
}
