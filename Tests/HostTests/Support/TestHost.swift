import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Logging
import NIOCore
import Synchronization

@testable import Host

/// A host with three agents' worth of keys, a few routes that answer what they were asked, and real sockets.
struct TestHost: Sendable {
  static let now: Int64 = 1_800_000_000

  let master: MasterKey
  let agent: SigningKey
  let otherAgent: SigningKey
  let validator = CurrentValidator()
  let door: FrontDoor
  let probes = Probes()
  let clock: TestClock

  /// What handlers saw.
  final class Probes: Sendable {
    let requests = Mutex<[Request]>([])
    let contexts = Mutex<[HostContext]>([])
    let started = Signal<Void>()
    let cancelled = Signal<Void>()
  }

  init(
    limits: HostLimits = HostLimits(), allowsPlaintextClients: Bool = false, allowedOrigins: [String] = [],
    routes extra: (inout Routes) -> Void = { _ in }
  ) throws {
    master = try .generate()
    let (agent, other) = (
      try master.agentKey(AgentIndex(rawValue: 0)), try master.agentKey(AgentIndex(rawValue: 1))
    )
    self.agent = agent
    otherAgent = other
    let clock = TestClock()
    self.clock = clock
    var limits = limits
    // Where a test asks for no other, a client has all the time that a busy machine may need to send its head.
    if limits.headTimeout == HostLimits().headTimeout { limits.headTimeout = .seconds(100) }
    _ = validator.replace(
      with: AccessKeyValidator(
        rules: .init(master: master.address, agents: [agent.address, other.address])))
    var routes = Routes()
    routes.add(TestRoutes(probes: probes))
    extra(&routes)
    door = FrontDoor(
      routes: routes, policy: AccessPolicy(allowsPlaintextClients: allowsPlaintextClients),
      authentication: Authentication(validator: validator, now: { Self.now }),
      visitors: VisitorRules(
        bind: "127.0.0.1", configuredNames: ["host.example"], allowedOrigins: allowedOrigins),
      limits: limits,
      secureDoor: SecureDoor(
        limits: limits, now: { Self.now + clock.seconds }, clock: { clock.instant },
        agentKey: { address, _ in [agent, other].first { $0.address == address } }),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      agentAddress: { name in
        switch name {
        case "first": agent.address
        case "second": other.address
        default: nil
        }
      })
  }

  // MARK: Keys

  var masterKey: String { key(of: master.signingKey) }
  var agentKey: String { key(of: agent) }

  func key(of signer: SigningKey, expiry: AccessKeyExpiry = .never, issuedAt: Int64 = TestHost.now) -> String
  {
    AccessKeyMint.mint(
      by: signer, label: nil, counter: 1, expiry: expiry, issuedAt: issuedAt, nonce: UUID()
    ).withText { $0 }
  }

  // MARK: Callers

  static let elsewhere = SourceAddress(literal: "192.0.2.7")!

  /// An arrival from another machine, in the clear.
  static var network: Arrival {
    Arrival(origin: .network(elsewhere), localAddress: SourceAddress(literal: "192.0.2.1"))
  }

  /// What the door answers to a request from elsewhere.
  func ask(
    _ method: HTTPRequest.Method, _ path: String, key: String? = nil, headers: HTTPFields = [:],
    body: String = "", from arrival: Arrival = network
  ) async throws -> Answer {
    var headers = headers
    if let key { headers[.authorization] = "Bearer \(key)" }
    let head = HTTPRequest(
      method: method, scheme: "http", authority: "192.0.2.1:1337", path: path, headerFields: headers)
    let response = try await door.respond(to: head, body: ByteBuffer(string: body), from: arrival)
    let collected = BodyCollector(limit: 1 << 26)
    try await response.body.write(collected)
    return Answer(
      status: response.status.code, headers: response.headers, body: String(buffer: collected.whole))
  }

  struct Answer: Hashable {
    let status: Int
    let headers: HTTPFields
    let body: String
  }

  // MARK: Serving

  /// Serves on a free port, and on a control socket if one is given, while `body` runs.
  func serve(
    controlSocket: String? = nil, _ body: (HostServer.Listening) async throws -> Void
  ) async throws {
    var configuration = HostServer.Configuration(port: 0)
    configuration.controlSocket = controlSocket
    let server = HostServer(configuration, door: door)
    let running = Task { try await server.run() }
    do {
      try await body(server.ready())
    } catch {
      running.cancel()
      try? await running.value
      throw error
    }
    running.cancel()
    try await running.value
  }
}

extension Duration {
  /// How soon work has to have stopped after its caller went away. The host gives it a quarter of a second
  /// (`HostLimits.departureGrace`); the rest is for a machine that is busy with other tests.
  static let promptly = Duration.seconds(20)
}

/// Time that a test moves.
final class TestClock: Sendable {
  private let start = ContinuousClock.now
  private let passed = Mutex<Int64>(0)

  var seconds: Int64 { passed.withLock { $0 } }
  var instant: ContinuousClock.Instant { start + .seconds(seconds) }
  func advance(by seconds: Int64) { passed.withLock { $0 += seconds } }
}

/// Routes of every class; most answer with what they received.
struct TestRoutes: RouteGroup {
  let probes: TestHost.Probes

  func register(on routes: inout Routes) {
    routes.on(.get, "/", .greeting) { _, _ in .text("here") }
    routes.on(.get, "/health", .publicInformation, use: echo)
    routes.on(.get, "/models", .catalogue, use: echo)
    routes.on(.get, "/agents", .agentCatalogue, use: echo)
    routes.on(.get, "/agents/{id}", agent: "id", RouteClass.agentDetails, use: echo)
    routes.on(.post, "/agents/{id}/run", agent: "id", RouteClass.agentRun, use: echo)
    routes.on(.post, "/chat/completions", .inference, use: echo)
    routes.on(.get, "/control/status", .administration, use: echo)
    routes.on(.post, "/stream", .inference, use: stream)
    routes.on(.post, "/lines", .inference, use: lines)
    routes.on(.post, "/dying-stream", .inference, use: dyingStream)
    routes.on(.post, "/endless", .inference, use: endless)
    routes.on(.post, "/silent", .inference, use: silent)
    routes.on(.get, "/broken", .catalogue) { _, _ in throw Broken() }
  }

  struct Broken: Error {}

  @Sendable private func echo(_ request: Request, _ context: HostContext) async throws -> Response {
    probes.requests.withLock { $0.append(request) }
    probes.contexts.withLock { $0.append(context) }
    let body = try await request.body.collect(upTo: .max)
    return .text("\(request.method.rawValue) \(request.head.path ?? "") \(String(buffer: body))")
  }

  private func events(
    _ body: @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
  ) -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/event-stream"],
      body: ResponseBody { writer in
        try await body(&writer)
        try await writer.finish(nil)
      })
  }

  @Sendable private func stream(_ request: Request, _ context: HostContext) async throws -> Response {
    events { writer in
      for piece in ["data: one\n\n", "data: two\n\n", "data: [DONE]\n\n"] {
        try await writer.write(ByteBuffer(string: piece))
      }
    }
  }

  @Sendable private func lines(_ request: Request, _ context: HostContext) async throws -> Response {
    Response(
      status: .ok, headers: [.contentType: "application/x-ndjson"],
      body: ResponseBody { writer in
        try await writer.write(ByteBuffer(string: "{\"a\":1}\n"))
        try await writer.finish(nil)
      })
  }

  @Sendable private func dyingStream(_ request: Request, _ context: HostContext) async throws -> Response {
    events { writer in
      try await writer.write(ByteBuffer(string: "data: half\n\n"))
      throw Broken()
    }
  }

  /// Writes until nobody listens any more.
  @Sendable private func endless(_ request: Request, _ context: HostContext) async throws -> Response {
    let probes = probes
    return events { writer in
      defer { probes.cancelled.fulfil(.success(())) }
      while true {
        try await writer.write(ByteBuffer(string: "data: more\n\n"))
        probes.started.fulfil(.success(()))
        try await Task.sleep(for: .milliseconds(5))
      }
    }
  }

  /// Waits, without writing, until it is cancelled.
  @Sendable private func silent(_ request: Request, _ context: HostContext) async throws -> Response {
    probes.started.fulfil(.success(()))
    defer { probes.cancelled.fulfil(.success(())) }
    try await Task.sleep(for: .seconds(3600))
    return .text("never")
  }
}
