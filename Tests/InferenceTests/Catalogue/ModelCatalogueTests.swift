import AsyncHTTPClient
import Hummingbird
import NIOCore
import Synchronization
import Testing

@testable import Inference

@Suite("Which model is asked", .timeLimit(.minutes(10)))
struct ModelCatalogueTests {
  private static func listing(_ names: String...) -> Response {
    .json(#"{"data":[\#(names.map { "{\"id\":\"\($0)\"}" }.joined(separator: ","))]}"#)
  }

  private func servers(
    _ upstream: Upstream, ports: [Int], patience: Duration = .seconds(10)
  ) -> LocalServers {
    LocalServers(
      client: upstream.client,
      candidates: ports.enumerated().map { .init(name: "Local \($0.offset)", port: UInt16($0.element)) },
      patience: patience)
  }

  @Test("a server at a known port is found, and asked once in ten seconds")
  func detects() async throws {
    try await Upstream.with { _ in
      Self.listing("a", "b:latest")
    } run: { upstream in
      let catalogue = ModelCatalogue(
        configured: nil, servers: servers(upstream, ports: [1, upstream.port]), managed: nil,
        defaultModel: nil)
      async let first = catalogue.models()
      async let second = catalogue.models()
      #expect(await first.map(\.id) == ["a", "b:latest"])
      #expect(await second.map(\.provider) == ["Local 1", "Local 1"])
      let (provider, model) = try await catalogue.resolve("b")
      #expect(provider.name == "Local 1" && model == "b:latest")
      for name in [nil, "", "default"] { #expect(try await catalogue.resolve(name).model == "a") }
      #expect(upstream.seen().map(\.path) == ["/v1/models"])
      #expect(upstream.seen().allSatisfy { $0.authorization == nil })
    }
  }

  enum NotAServer: CaseIterable { case garbage, silence, huge, empty, strange }

  @Test("what is not a model server is passed over", arguments: NotAServer.allCases)
  func passesOver(_ kind: NotAServer) async throws {
    try await Upstream.with { _ in
      switch kind {
      case .garbage: return .json("<html>")
      case .empty: return .json(#"{"data":[]}"#)
      case .strange: return .json(#"{"data":{"id":3}}"#)
      case .silence:
        try await Task.sleep(for: .seconds(60))
        return .json("{}")
      case .huge:
        return Response(
          status: .ok,
          body: ResponseBody { writer in
            while true { try await writer.write(ByteBuffer(repeating: 0x20, count: 1 << 16)) }
          })
      }
    } run: { upstream in
      let catalogue = ModelCatalogue(
        configured: nil, servers: servers(upstream, ports: [upstream.port], patience: .milliseconds(250)),
        managed: nil, defaultModel: nil)
      #expect(await catalogue.models().isEmpty)
      await #expect(throws: InferenceError.noModel) { try await catalogue.resolve(nil) }
      await #expect(throws: InferenceError.noModel) { try await catalogue.resolve("a") }
    }
  }

  @Test("a listener that is not to be trusted is not asked")
  func asksNoStranger() async throws {
    try await Upstream.with { _ in
      Self.listing("a")
    } run: { upstream in
      var servers = servers(upstream, ports: [upstream.port])
      servers.mayTrust = { _ in false }
      #expect(await servers.detect().isEmpty)
      #expect(upstream.seen().isEmpty)
    }
  }

  @Test("a listener that changed hands since it was found is not asked")
  func asksNoSuccessor() async throws {
    let isTrusted = Mutex(true)
    try await Upstream.with { _ in
      Self.listing("a")
    } run: { upstream in
      var servers = servers(upstream, ports: [upstream.port])
      servers.mayTrust = { _ in isTrusted.withLock { $0 } }
      let found = try #require(await servers.detect().first)
      isTrusted.withLock { $0 = false }
      await #expect(throws: InferenceError.unreachable(provider: "Local 0")) {
        try await found.provider.chat(ChatRequest(model: "a", messages: [.user("a secret")]))
      }
      #expect(upstream.seen().map(\.path) == ["/v1/models"])
    }
  }

  @Test("what is known is told at once, however long a server takes to answer")
  func tellsAtOnce() async throws {
    let gate = Handoff<Void>(capacity: 2)
    try await Upstream.with { _ in
      _ = try await gate.next()
      return Self.listing("slow")
    } run: { upstream in
      let catalogue = ModelCatalogue(
        configured: try upstream.provider(), servers: nil, managed: nil, defaultModel: nil)
      #expect(await catalogue.known() == nil)
      try await gate.send(())
      #expect(await catalogue.models().map(\.id) == ["slow"])
      #expect(await catalogue.known()?.current == "slow")
    }
  }

  @Test("the owner's server comes first, and its models are preferred")
  func prefersConfigured() async throws {
    try await Upstream.with { _ in
      Self.listing("near", "both")
    } run: { near in
      try await Upstream.with { _ in
        Self.listing("far", "both")
      } run: { far in
        let catalogue = ModelCatalogue(
          configured: try far.provider(), servers: servers(near, ports: [near.port]), managed: nil,
          defaultModel: "both")
        #expect(await catalogue.models().map(\.id) == ["far", "both", "near"])
        #expect(try await catalogue.resolve(nil).provider.name == "Fake")
        #expect(try await catalogue.resolve("near").provider.name == "Local 0")
        await #expect(throws: InferenceError.unknownModel("other")) { try await catalogue.resolve("other") }
      }
    }
  }

  @Test("the owner's server is not quietly replaced when it is down, and is asked for what it does not list")
  func keepsConfigured() async throws {
    try await Upstream.with { _ in
      Self.listing("near")
    } run: { near in
      let gone = try OpenAIProvider(
        name: "Gone", url: ServerURL("http://127.0.0.1:1/v1"), client: near.client)
      let catalogue = ModelCatalogue(
        configured: gone, servers: servers(near, ports: [near.port]), managed: nil, defaultModel: nil)
      await #expect(throws: InferenceError.unreachable(provider: "Gone")) { try await catalogue.resolve(nil) }
      let (provider, model) = try await catalogue.resolve("x")
      #expect(provider.name == "Gone" && model == "x")
      #expect(try await catalogue.resolve("near").provider.name == "Local 0")
    }
  }

  @Test("a model that is not installed is named with the way to get it")
  func namesTheWay() async throws {
    let catalogue = ModelCatalogue(configured: nil, servers: nil, managed: nil, defaultModel: nil)
    let error = await #expect(throws: InferenceError.self) { try await catalogue.resolve("smollm2-135m") }
    #expect(error?.description.contains("osaurus-host model install smollm2-135m") == true)
    let none = await #expect(throws: InferenceError.self) { try await catalogue.resolve(nil) }
    #expect(none?.description.contains("osaurus-host model install smollm2-135m") == true)
  }
}
