import Foundation
import Identity
import Testing

@testable import Host

@Suite("Who may do what")
struct AccessPolicyTests {
  /// Who asks, in words.
  enum Asker: String, CaseIterable, Sendable {
    case owner, stranger, masterHere, masterAway, masterSealed, agentHere, agentAway, agentSealed
  }

  /// One letter for each asker, in their order: allow, 401, 426 (u), 403 (s), 404.
  static let matrix: [(name: String, route: @Sendable (TestHost) -> RouteClass, letters: String)] = [
    ("greeting", { _ in .greeting }, "aaaaaaaa"),
    ("publicInformation", { _ in .publicInformation }, "aaaaaaaa"),
    ("handshake", { _ in .handshake }, "aaaaaaaa"),
    ("pairing", { _ in .pairing }, "aaaaaaaa"),
    ("redemption", { _ in .redemption }, "aaaaaaaa"),
    ("envelope", { _ in .envelope }, "aaaaaaaa"),
    ("catalogue", { _ in .catalogue }, "a1aaaaaa"),
    ("inference", { _ in .inference }, "a1auasus"),
    ("agentCatalogue", { _ in .agentCatalogue }, "a1aaaaaa"),
    ("agentDetails of its own", { .agentDetails($0.agent.address) }, "a1aaaaaa"),
    ("agentDetails of another", { .agentDetails($0.otherAgent.address) }, "a1aaasss"),
    ("agentDetails of none", { _ in .agentDetails(nil) }, "a1aaasss"),
    ("agentRun of its own", { .agentRun($0.agent.address) }, "a1auaaua"),
    ("agentRun of another", { .agentRun($0.otherAgent.address) }, "a1auasus"),
    ("agentRun of none", { _ in .agentRun(nil) }, "a1auasus"),
    ("agentInBody", { _ in .agentInBody }, "a1auaaua"),
    ("administration", { _ in .administration }, "a1444444"),
    ("sandboxService", { _ in .sandboxService(agent: nil) }, "41444444"),
    ("unknown", { _ in .unknown }, "41444444"),
  ]

  @Test(
    "code in a sandbox is served as its own agent, by a pass and a socket that agree, and is let to nothing else"
  )
  func sandboxes() throws {
    let host = try TestHost()
    let (agent, other) = (UUID(), UUID())
    func decide(_ route: RouteClass, at socket: UUID, _ principal: Caller.Principal) -> Decision {
      AccessPolicy().decide(
        route, Caller(origin: .sandbox(agent: socket), transport: .plain, principal: principal))
    }
    let pass = Caller.Principal.execution(SandboxExecution(id: UUID(), agent: agent))
    for (named, decision) in [(nil, Decision.allow), (agent, .allow), (other, .scopeDenied)] {
      #expect(decide(.sandboxService(agent: named), at: agent, pass) == decision)
      #expect(decide(.sandboxService(agent: named), at: other, pass) == .unauthenticated(.unknownPass))
    }
    for (name, route, _) in Self.matrix where name != "sandboxService" {
      #expect(decide(route(host), at: agent, pass) == .notFound, "\(name)")
    }
    for stranger in [Caller.Principal.owner, .anonymous(.noKeys), .anonymous(.unknownPass)] {
      #expect(decide(.sandboxService(agent: nil), at: agent, stranger) == .unauthenticated(.unknownPass))
      #expect(decide(.administration, at: agent, stranger) == .unauthenticated(.unknownPass))
    }
    // Nor is a pass worth anything where keys are.
    let elsewhere = Caller(origin: .network(TestHost.elsewhere), transport: .plain, principal: pass)
    #expect(AccessPolicy().decide(.inference, elsewhere) == .unauthenticated(.unknownPass))
  }

  @Test("every class of route answers every kind of caller as the table says", arguments: matrix.indices)
  func wholeMatrix(row: Int) throws {
    let host = try TestHost()
    let (name, route, letters) = Self.matrix[row]
    for (asker, letter) in zip(Asker.allCases, letters) {
      let caller = try caller(asker, host)
      #expect(
        AccessPolicy().decide(route(host), caller) == decision(letter), "\(name) asked by \(asker)")
    }
  }

  @Test("where the owner allows plaintext clients, models are open to them and agents are not")
  func plaintextClients() throws {
    let host = try TestHost()
    let policy = AccessPolicy(allowsPlaintextClients: true)
    let away = try caller(.masterAway, host)
    #expect(policy.decide(.inference, away) == .allow)
    #expect(policy.decide(.agentRun(host.agent.address), away) == .channelRequired)
    #expect(policy.decide(.inference, try caller(.agentAway, host)) == .scopeDenied)
    #expect(policy.decide(.inference, try caller(.stranger, host)) == .unauthenticated(.noKeys))
  }

  @Test("the control socket and this process are the owner; TCP from this machine is nobody yet")
  func owners() throws {
    let host = try TestHost()
    func principal(_ origin: Caller.Origin) -> Caller.Principal {
      host.door.authentication.principal(origin: origin, authorization: nil)
    }
    let nobody = Caller.Principal.anonymous(.invalid(.unrecognisedFormat))
    #expect(principal(.control(user: 1000)) == .owner)
    #expect(principal(.inProcess) == .owner)
    #expect(principal(.loopback(SourceAddress(literal: "127.0.0.1")!)) == nobody)
    #expect(principal(.network(TestHost.elsewhere)) == nobody)
  }

  private func caller(_ asker: Asker, _ host: TestHost) throws -> Caller {
    let here = Caller.Origin.loopback(SourceAddress(literal: "127.0.0.1")!)
    let away = Caller.Origin.network(TestHost.elsewhere)
    let channel = Caller.Transport.secureChannel(agent: host.agent.address)
    func key(_ text: String) -> Caller.Principal {
      host.door.authentication.principal(origin: away, authorization: "Bearer " + text)
    }
    return switch asker {
    case .owner: Caller(origin: .control(user: 1000), transport: .plain, principal: .owner)
    case .stranger: Caller(origin: away, transport: .plain, principal: .anonymous(.noKeys))
    case .masterHere: Caller(origin: here, transport: .plain, principal: key(host.masterKey))
    case .masterAway: Caller(origin: away, transport: .plain, principal: key(host.masterKey))
    case .masterSealed: Caller(origin: away, transport: channel, principal: key(host.masterKey))
    case .agentHere: Caller(origin: here, transport: .plain, principal: key(host.agentKey))
    case .agentAway: Caller(origin: away, transport: .plain, principal: key(host.agentKey))
    case .agentSealed: Caller(origin: away, transport: channel, principal: key(host.agentKey))
    }
  }

  private func decision(_ letter: Character) -> Decision {
    switch letter {
    case "1": .unauthenticated(.noKeys)
    case "u": .channelRequired
    case "s": .scopeDenied
    case "4": .notFound
    default: .allow
    }
  }
}
