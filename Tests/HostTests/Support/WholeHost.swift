import Foundation
import HTTPTypes
import Hummingbird
import Keyring
import NIOCore
import ServiceLifecycle
import Stores

@testable import Host

/// A whole host in a temporary home, with a scripted model server behind it.
struct WholeHost: Sendable {
  let services: HostServices
  let model: ScriptedModelServer
  let owner: InProcessClient

  /// Runs `body` with a host that was just made and that listens nowhere.
  static func run(
    environment: [String: String] = [:], _ body: @escaping @Sendable (WholeHost) async throws -> Void
  ) async throws {
    try await open(environment) { host in
      do {
        try await body(host)
      } catch {
        await host.services.shutdown()
        throw error
      }
      await host.services.shutdown()
    }
  }

  /// Where a served host is reached.
  struct Doors: Sendable {
    /// TCP, without a key.
    let tcp: WireClient
    /// The owner's socket.
    let control: WireClient
    let port: Int
    let socket: String

    func with(key: String) -> WireClient { WireClient(port: port, key: key) }
  }

  /// Runs `body` with a host that was just made and that listens on a free port and on its control socket.
  static func serve(
    environment: [String: String] = [:],
    _ body: @escaping @Sendable (WholeHost, Doors) async throws -> Void
  ) async throws {
    try await open(environment) { host in
      let service = HostService(services: host.services)
      let group = ServiceGroup(
        configuration: .init(
          services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
          logger: .quiet))
      let running = Task { try await group.run() }
      let result: Result<Void, any Error>
      do {
        let listening = try await service.ready()
        let port = URL(string: listening.url)?.port ?? 0
        let doors = Doors(
          tcp: WireClient(port: port), control: WireClient(socket: listening.controlSocket), port: port,
          socket: listening.controlSocket)
        result = .success(try await body(host, doors))
      } catch {
        result = .failure(error)
      }
      await group.triggerGracefulShutdown()
      try await running.value
      try result.get()
    }
  }

  private static func open(
    _ environment: [String: String], _ body: @escaping @Sendable (WholeHost) async throws -> Void
  ) async throws {
    try await ScriptedModelServer.run { model, url in
      let home = TemporaryHome()
      let folders = home.folders
      _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
      let settings = try HostSettings.load(
        folders: folders, flags: .init(port: 0),
        environment: [
          "OSAURUS_MODEL_URL": url, "OSAURUS_DETECT_LOCAL_SERVERS": "false",
          "OSAURUS_HANDSHAKES_PER_MINUTE": "100000",
        ].merging(environment) { _, wanted in wanted })
      let services = try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
      try await body(WholeHost(services: services, model: model, owner: InProcessClient(services: services)))
      withExtendedLifetime(home) {}
    }
  }

  // MARK: As the owner

  /// Asks as the owner; gives status and JSON object.
  func ask(
    _ method: String, _ path: String, _ body: String = ""
  ) async throws -> (status: Int, json: [String: Any]) {
    let answer = try await owner.send(method, path, body: Array(body.utf8))
    let object = try? JSONSerialization.jsonObject(with: Data(answer.body))
    return (answer.status, object as? [String: Any] ?? [:])
  }

  /// Asks as the owner; gives the answer as text.
  func text(_ method: String, _ path: String, _ body: String = "") async throws -> String {
    String(decoding: try await owner.send(method, path, body: Array(body.utf8)).body, as: UTF8.self)
  }

  /// Makes an agent.
  func agent(
    _ name: String, prompt: String = "", model: String? = nil
  ) async throws -> ControlAgent {
    var members = ["name": name, "systemPrompt": prompt]
    members["model"] = model
    let body = Array(try JSONEncoder().encode(members))
    let answer = try await owner.send("POST", "/control/agents", body: body)
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return try decoder.decode(ControlAgent.self, from: Data(answer.body))
  }

  /// Makes a key, for one agent or for the whole host; gives its text and its id.
  func key(for agent: String? = nil) async throws -> (text: String, id: String) {
    struct Made: Decodable {
      let key: String
      let id: String
    }
    let body = Array(try JSONEncoder().encode(["agent": agent].compactMapValues { $0 }))
    let answer = try await owner.send("POST", "/control/keys", body: body)
    let made = try JSONDecoder().decode(Made.self, from: Data(answer.body))
    return (made.key, made.id)
  }

  // MARK: From afar

  /// What the host answers to a request that came in the clear from another machine.
  func fromElsewhere(
    _ method: HTTPRequest.Method, _ path: String, key: String?, _ body: String = "",
    through door: FrontDoor? = nil
  ) async throws -> TestHost.Answer {
    var headers: HTTPFields = [:]
    if let key { headers[.authorization] = "Bearer \(key)" }
    let head = HTTPRequest(
      method: method, scheme: "http", authority: "192.0.2.1:1337", path: path, headerFields: headers)
    let response = try await (door ?? FrontDoor(services: services)).respond(
      to: head, body: ByteBuffer(string: body), from: TestHost.network)
    let collected = BodyCollector(limit: 1 << 26)
    try await response.body.write(collected)
    return TestHost.Answer(
      status: response.status.code, headers: response.headers, body: String(buffer: collected.whole))
  }

  // MARK: What was kept

  /// Role, text and ending of everything that was said in a conversation.
  func turns(of session: UUID) async throws -> [String] {
    try await services.chats.turns(of: session).map { "\($0.role): \($0.content) (\($0.ending.rawValue))" }
  }
}
