import Foundation
import HTTPTypes
import Hummingbird
import Identity
import SecureChannel
import Stores
import Synchronization
import Testing

@testable import Host

@Suite("Agents that are not exposed", .timeLimit(.minutes(10)))
struct ExposureTests {
  private static let chat = #"{"model":"","messages":[{"role":"user","content":"say yes"}]}"#

  private func listed(_ body: String) throws -> [String] {
    let object = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
    return (object?["agents"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
  }

  /// Opens a channel to an agent as another machine does.
  private func handshake(
    with agent: Address, _ host: WholeHost, through door: FrontDoor
  ) async throws -> (answer: TestHost.Answer, session: ClientSession?) {
    let handshake = ClientHandshake(with: agent)
    let hello = String(decoding: handshake.hello.encoded(), as: UTF8.self)
    let answer = try await host.fromElsewhere(.post, "/secure/session", key: nil, hello, through: door)
    guard answer.status == 200 else { return (answer, nil) }
    let reply = try Array(answer.body.utf8).withUnsafeBytes { try ServerHello(parsing: $0) }
    return (answer, try handshake.finish(reply, now: Int64(Date().timeIntervalSince1970)))
  }

  /// What another machine is answered inside its channel, where that is in one piece.
  private func ask(
    _ method: String, _ path: String, key: String, body: String? = nil, in session: ClientSession,
    _ host: WholeHost, through door: FrontDoor
  ) async throws -> (status: Int, text: String) {
    let (call, opener) = session.seal(
      InnerRequest(
        method: method, path: path, authorization: "Bearer \(key)", body: body.map { Array($0.utf8) }))
    let outer = try await host.fromElsewhere(
      .post, "/secure/call", key: nil, String(decoding: call, as: UTF8.self), through: door)
    var reader = opener
    let inner = try Array(outer.body.utf8).withUnsafeBytes { try reader.openBuffered($0) }
    return (inner.status, String(decoding: inner.body ?? [], as: UTF8.self))
  }

  @Test(
    "for another machine there is no such agent, whatever key it holds; the refusals are those for nobody's")
  func elsewhere() async throws {
    try await WholeHost.run { host in
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      let (adaAddress, bobAddress) = (try #require(ada.address), try #require(bob.address))
      let keys = [try await host.key().text, try await host.key(for: "Ada").text]
      let door = FrontDoor(services: host.services)
      let (_, before) = try await handshake(with: adaAddress, host, through: door)
      let early = try #require(before)
      let (_, other) = try await handshake(with: bobAddress, host, through: door)
      let bobs = try #require(other)
      #expect(
        try await ask("GET", "/agents/\(ada.id)", key: keys[1], in: early, host, through: door).status == 200)
      #expect(try await host.ask("PATCH", "/control/agents/Ada", #"{"exposed":false}"#).status == 200)

      let nobody = try MasterKey.generate().address
      let unknown = try await handshake(with: nobody, host, through: door).answer
      let hidden = try await handshake(with: adaAddress, host, through: door).answer
      #expect(hidden.status == 404)
      #expect(hidden == unknown)
      let missing = #"{"error":"agent_not_found","message":"No agent found for the given ID"}"#
      for (key, session) in [(keys[0], bobs), (keys[0], early), (keys[1], early)] {
        for name in [ada.id.uuidString, adaAddress.checksummed] {
          for (method, path, body) in [("GET", "", nil), ("POST", "/run", Self.chat)] {
            let answer = try await ask(
              method, "/agents/\(name)\(path)", key: key, body: body, in: session, host, through: door)
            #expect(answer.status == 404)
            #expect(answer.text == missing)
          }
        }
      }
      let list = try await ask("GET", "/agents", key: keys[0], in: bobs, host, through: door)
      #expect(try listed(list.text) == ["Bob"])
      #expect(try listed(await host.fromElsewhere(.get, "/agents", key: keys[0]).body) == ["Bob"])
      #expect(try listed(await host.fromElsewhere(.get, "/agents", key: keys[1]).body).isEmpty)
      #expect(try await host.fromElsewhere(.get, "/agents/\(ada.id)", key: keys[0]).body == missing)
      #expect(host.model.seen.withLock { $0.requests.isEmpty })

      #expect(try await host.ask("PATCH", "/control/agents/Ada", #"{"exposed":true}"#).status == 200)
      #expect(try await handshake(with: adaAddress, host, through: door).session != nil)
    }
  }

  @Test("this machine with a key, and the owner, reach them as any other")
  func here() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      #expect(try await host.ask("PATCH", "/control/agents/Ada", #"{"exposed":false}"#).status == 200)
      let key = try await host.key(for: "Ada").text
      for wire in [doors.with(key: key), doors.control] {
        #expect(try listed(await wire.ask("GET", "/agents").text) == ["Ada"])
        #expect(try await wire.ask("GET", "/agents/\(ada.id)").status == 200)
        let answer = try await wire.ask("POST", "/agents/\(ada.id)/run", Self.chat)
        #expect(StreamedAnswer(answer.text).text == "yes ")
      }
      let client = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      #expect(try await client.ask("GET", "/agents/\(ada.id)", key: key).status == 200)
    }
  }

  @Test("what another process of the owner hides is hidden within a moment")
  func otherProcess() async throws {
    try await WholeHost.serve { host, _ in
      let ada = try await host.agent("Ada")
      let address = try #require(ada.address)
      let stores = host.services.agents
      _ = try await stores.update(ada.id) { $0.isExposed = false }
      let elsewhere = Caller.Origin.network(TestHost.elsewhere)
      while try host.services.access.signingKey(of: address, from: elsewhere) != nil { await Task.yield() }
      #expect(try host.services.access.signingKey(of: address, from: .inProcess) != nil)
    }
  }
}
