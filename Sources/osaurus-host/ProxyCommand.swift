import ArgumentParser
import AsyncHTTPClient
import Connector
import Foundation
import Identity
import Keyring
import Logging
import SecretMemory
import ServiceLifecycle
import UnixSignals

/// `connect proxy`: another host's models and agents for programs on this machine that know nothing of channels.
struct ProxyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "proxy",
    abstract: "Let programs on this machine use another host as if it were here, through the secure channel.",
    discussion: """
      Example: osaurus-host connect proxy home
      For a program that speaks OpenAI's API:  OPENAI_BASE_URL=http://127.0.0.1:11434/v1
      For one that speaks Ollama's:            OLLAMA_HOST=127.0.0.1:11434

      It listens on this machine's loopback alone, and carries each request with the key for the host, end to end \
      encrypted: the program needs no key, and there is no open port here or there. Only programs of your own user may \
      use it, as the kernel says who they are; web pages never may. With --token-file everybody who brings the token \
      as API key may instead. Agents are models there, called agent/NAME; with a key for one agent that agent is the one \
      model, and for the models themselves the host's owner has to give a key for the whole host.

      At every log-in: osaurus-host connect proxy home --install-unit
      """)

  @Argument(help: "The host, from 'connect list'.") var name: String
  @Option(help: "Where to listen on 127.0.0.1; 0 takes any free port.") var port = 11434
  @Option(
    name: .customLong("token-file"),
    help: "A file with a token of 16 characters or more, readable by you alone; whoever brings it is let in.")
  var tokenFile: String?
  @Flag(
    name: .customLong("install-unit"),
    help: "Do not run it now; write and start a systemd user unit that does.")
  var installsUnit = false
  @Flag(name: .customLong("remove-unit"), help: "Stop and remove that unit.")
  var removesUnit = false

  func validate() throws {
    guard (0...65535).contains(port) else { throw ValidationError("--port takes 0 to 65535.") }
    guard !installsUnit || !removesUnit else {
      throw ValidationError("Say one of --install-unit and --remove-unit.")
    }
  }

  func run() async throws {
    if removesUnit { return try SystemdUnit.proxy(name, port: port, tokenFile: nil).uninstall() }
    let place = try PeerPlace.open()
    let peer = try place.book.peer(named: name)
    let gate = try gate()
    if installsUnit {
      let tokenFile = tokenFile.map { URL(filePath: $0).standardizedFileURL.path }
      return try SystemdUnit.proxy(name, port: port, tokenFile: tokenFile).install(now: true)
    }
    let key = try place.book.key(of: peer)
    let (port, isOpen) = (port, tokenFile != nil)
    try await PeerConnection.with(peer, key: key, place.book) { client in
      let proxy = Proxy(to: client, port: port, gate: gate, report: { Terminal.note($0) }) { port in
        let whom = isOpen ? "whoever brings the token" : "your own programs"
        Terminal.note("\(peer.name) is at http://127.0.0.1:\(port) for \(whom). Ctrl-C ends it.")
      }
      var logger = Logger(label: "osaurus-host.services") { StreamLogHandler.standardError(label: $0) }
      logger.logLevel = .critical
      var configuration = ServiceGroupConfiguration(
        services: [
          .init(service: proxy, successTerminationBehavior: .gracefullyShutdownGroup),
          .init(service: FirstHandshake(client: client, peer: peer), successTerminationBehavior: .ignore),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
      // As long as a host gives to answers that are being given.
      configuration.maximumGracefulShutdownDuration = .seconds(5)
      try await ServiceGroup(configuration: configuration).run()
    }
  }

  private func gate() throws -> ProxyGate {
    guard let tokenFile else { return .sameUser }
    guard var bytes = try PrivateFile.read(URL(filePath: tokenFile), limit: 4096) else {
      throw CommandFailure(
        .notFound, "not_found", "\(tokenFile) is not there.",
        nextStep: "Make one: (umask 077 && openssl rand -hex 32 > \(ShellWord.quoted(tokenFile)))")
    }
    guard let gate = ProxyGate(token: SecretBytes(taking: &bytes)) else {
      throw CommandFailure.wrongUsage(
        "\(tokenFile) holds no token: one line of at least \(ProxyGate.shortestToken) visible characters.")
    }
    return gate
  }
}

/// Says at the beginning whether the host is there, so that nobody has to wait for the first request to learn it.
private struct FirstHandshake: Service {
  let client: PeerClient
  let peer: Peer

  func run() async throws {
    do {
      let handshake = try await client.handshake()
      Terminal.note("\(handshake.signer.checksummed) signed the handshake.")
    } catch is CancellationError {
    } catch {
      Terminal.note("\(peer.name) does not answer yet, and is asked again with each request: \(error)")
    }
  }
}

extension SystemdUnit {
  /// The unit that runs the proxy to a host.
  static func proxy(_ peer: String, port: Int, tokenFile: String?) -> SystemdUnit {
    var arguments = ["connect", "proxy", "--port", "\(port)"]
    if let tokenFile { arguments += ["--token-file", tokenFile] }
    var unit = forThisExecutable()
    unit.name = "osaurus-host-proxy-\(escaped(peer)).service"
    unit.description = "the way to another osaurus-host's models and agents"
    unit.arguments = arguments + ["--", peer]
    return unit
  }

  /// A text as a part of a unit's name, as systemd-escape(1) writes it.
  private static func escaped(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        String(decoding: [byte], as: UTF8.self)
      default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }.joined()
  }
}
