import AsyncHTTPClient
import Foundation
import HTTPTypes
import Identity
import SecretMemory
import Synchronization
import Testing

@testable import Connector
@testable import Host
@testable import SecureChannel

/// Somebody in between a real host and the real client of its channel.
@Suite("Somebody in between while a device asks", .serialized, .timeLimit(.minutes(10)))
struct ChannelInterloperTests {
  /// A client that reaches the host through somebody.
  private struct Scene: Sendable {
    let host: WholeHost
    let interloper: Interloper
    let ada: Address
    let peer: Peer
    let keyText: String
    let http: HTTPClient

    /// One that has no session yet.
    func client() throws -> PeerClient {
      PeerClient(peer: peer, key: try PeerKey(SecretBytes(copying: keyText)), client: http)
    }

    /// Whether the key passed by, as it is or encoded.
    var sawTheKey: Bool {
      let key = Array(keyText.utf8)
      let needles = [
        keyText, Data(key.dropFirst(2)).base64EncodedString().prefix(64).description, Hex.string(key),
      ]
      return interloper.requests.contains { asked in
        let text = (asked.headers + [String(decoding: asked.body, as: UTF8.self), asked.path]).joined(
          separator: "\n")
        return needles.contains { text.contains($0) } || text.lowercased().contains("authorization:")
      }
    }
  }

  private func run(_ body: @escaping @Sendable (Scene) async throws -> Void) async throws {
    try await WholeHost.serve { host, doors in
      let ada = try #require(try await host.agent("Ada").address)
      let key = try await host.key(for: "Ada")
      try await Interloper.run(before: doors.port) { interloper, port in
        let http = HTTPClient.forPeers()
        let scene = Scene(
          host: host, interloper: interloper, ada: ada,
          peer: try Peer(name: "home", url: "http://127.0.0.1:\(port)", address: ada), keyText: key.text,
          http: http)
        let result: Result<Void, any Error>
        do { result = .success(try await body(scene)) } catch { result = .failure(error) }
        try await http.shutdown()
        try result.get()
      }
    }
  }

  private func failure(_ ask: () async throws -> Void) async -> ConnectorError? {
    do { try await ask() } catch { return error as? ConnectorError }
    return nil
  }

  private static func changed(_ body: [UInt8], _ changes: [String: Any?]) throws -> [UInt8] {
    var members = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    for (name, value) in changes { members[name] = value }
    return [UInt8](try JSONSerialization.data(withJSONObject: members))
  }

  // MARK: Handshakes

  /// What is done to a handshake.
  private enum HandshakeAttack: CaseIterable {
    case answersEarlierHello, swapsItsKey, swapsTheHostsKey, prolongs, signsItself, takesTheSignatureAway
    case namesAnotherSession
  }

  @Test(
    "a handshake that was recorded, or changed on its way, is not taken for the agent's, and nothing is asked"
  )
  func handshakes() async throws {
    try await run { scene in
      let recorded = Mutex<[UInt8]>([])
      scene.interloper.behave { asked, host in
        let answer = try await host.passOn(asked)
        if asked.path == "/secure/session" { recorded.withLock { $0 = answer.body } }
        return .init(answer)
      }
      #expect(try await scene.client().send("GET", "/agents", body: nil).status == 200)
      let eve = try MasterKey.generate().signingKey
      for attack in HandshakeAttack.allCases {
        let own = Base64URL.string(RandomBytes.make(32))
        scene.interloper.behave { asked, host in
          func answer(_ changes: [String: Any?]) async throws -> Interloper.Told {
            .init(try Self.changed(try await host.passOn(asked).body, changes))
          }
          guard asked.path == "/secure/session" else { return .init(try await host.passOn(asked)) }
          switch attack {
          case .answersEarlierHello: return .init(recorded.withLock { $0 })
          case .swapsItsKey:
            var changed = asked
            changed.body = try Self.changed(asked.body, ["encPub": own])
            return .init(try await host.passOn(changed))
          case .swapsTheHostsKey: return try await answer(["encPub": own])
          case .prolongs:
            return try await answer(["expiresAt": Int(Date().timeIntervalSince1970) + 7000])
          case .signsItself:
            return try await answer(["signature": eve.sign(asked.body, in: .secureChannel).prefixedHex])
          case .takesTheSignatureAway: return try await answer(["signature": nil])
          case .namesAnotherSession: return try await answer(["sid": Base64URL.string(RandomBytes.make(16))])
          }
        }
        let client = try scene.client()
        let error = await failure { _ = try await client.send("GET", "/models", body: nil) }
        switch error {
        case .wrongSigner(let pinned, let actual):
          #expect(pinned == scene.ada && actual != scene.ada)
          #expect(attack != .takesTheSignatureAway)
        default:
          #expect(error == .badHandshake && attack == .takesTheSignatureAway, "\(attack): \(error as Any)")
        }
        #expect(scene.interloper.requests.map(\.path) == ["/secure/session"], "\(attack)")
        #expect(!scene.sawTheKey)
      }
    }
  }

  @Test(
    "whoever keeps the handshake from working gets neither the key nor a question in the clear, for metadata neither",
    arguments: [
      (404, ""), (404, #"{"error":"Unknown agent address"}"#), (426, ""), (429, ""), (500, "no"), (501, ""),
      (200, ""), (200, "{}"), (200, #"{"v":0}"#), (307, ""),
      (401, #"{"error":{"code":"secure_session_unknown"}}"#),
    ])
  func neverInTheClear(status: Int, body: String) async throws {
    try await run { scene in
      scene.interloper.behave { asked, _ in
        // Whoever asks for anything else gets what a host would say in the clear.
        guard asked.path.hasSuffix("/secure/session") else {
          return .init(Array(#"{"data":[],"agents":[]}"#.utf8))
        }
        var told = Interloper.Told(status: status, Array(body.utf8))
        if status == 307 { told.headers[.location] = "http://127.0.0.1:1/secure/session" }
        return told
      }
      let client = try scene.client()
      for path in ["/models", "/tags", "/agents", "/agents/\(scene.ada)", "/health"] {
        let error = await failure { _ = try await client.send("GET", path, body: nil) }
        #expect(error != nil, "\(path)")
      }
      let chat = Array(#"{"model":"","messages":[]}"#.utf8)
      #expect(
        await failure { _ = try await client.stream("POST", "/agents/\(scene.ada)/run", body: chat) } != nil)
      let forwarded = ForwardedRequest(method: "POST", path: "/chat/completions", body: chat)
      #expect(await failure { _ = try await client.forward(forwarded) } != nil)
      #expect(Set(scene.interloper.requests.map(\.path)) == ["/secure/session"])
      #expect(!scene.sawTheKey)
    }
  }

  // MARK: Calls

  @Test(
    "a recorded call that is sent again is refused by the host and runs nothing, on its session and after it")
  func replayedCalls() async throws {
    try await run { scene in
      let client = try scene.client()
      #expect(try await client.send("GET", "/agents", body: nil).status == 200)
      let recorded = try #require(scene.interloper.requests.last)
      #expect(recorded.path == "/secure/call")
      scene.interloper.behave { asked, host in
        // The first of two is answered to the attacker, the second to the device.
        let first = try await host.passOn(asked)
        return asked.path == "/secure/call" ? .init(try await host.passOn(asked)) : .init(first)
      }
      #expect(await failure { _ = try await client.send("GET", "/agents", body: nil) } == .replayed)
      let statuses = Mutex<[Int]>([])
      scene.interloper.behave { asked, host in
        guard asked.path == "/secure/call" else { return .init(try await host.passOn(asked)) }
        for path in ["/secure/call", "/v1/secure/call", "/api/secure/call"] {
          var again = recorded
          again.path = path
          let status = try await host.passOn(again).status
          statuses.withLock { $0.append(status) }
        }
        return .init(try await host.passOn(asked))
      }
      #expect(try await client.send("GET", "/agents", body: nil).status == 200)
      #expect(statuses.withLock { $0 } == [409, 409, 409])
    }
  }

  /// What is done to the answer of a call.
  private enum AnswerAttack: CaseIterable {
    case answersEarlierAnswer, answersInTheClear, turnsABit, saysItIsNotTheEnd, changesTheNumber
  }

  @Test("an answer that is another call's, plain or changed is not used, and the call is not sent again")
  func answers() async throws {
    try await run { scene in
      let client = try scene.client()
      let recorded = Mutex<[UInt8]>([])
      scene.interloper.behave { asked, host in
        let answer = try await host.passOn(asked)
        recorded.withLock { $0 = answer.body }
        return .init(answer)
      }
      #expect(try await client.send("GET", "/agents", body: nil).status == 200)
      for attack in AnswerAttack.allCases {
        scene.interloper.behave { asked, host in
          let answer = try await host.passOn(asked)
          switch attack {
          case .answersEarlierAnswer: return .init(recorded.withLock { $0 })
          case .answersInTheClear: return .init(Array(#"{"status":200,"body":"e30"}"#.utf8))
          case .turnsABit:
            let ct = try #require(answer.json["ct"] as? String)
            return .init(
              try Self.changed(answer.body, ["ct": (ct.first == "A" ? "B" : "A") + ct.dropFirst()]))
          case .saysItIsNotTheEnd: return .init(try Self.changed(answer.body, ["fin": nil]))
          case .changesTheNumber: return .init(try Self.changed(answer.body, ["seq": 1]))
          }
        }
        let error = await failure { _ = try await client.send("GET", "/agents", body: nil) }
        #expect(error == .tampered, "\(attack): \(error as Any)")
        #expect(scene.interloper.requests.count == 1, "\(attack)")
      }
    }
  }

  @Test("a forged refusal that the session is unknown makes a new one, once, and tells nothing")
  func forgedRefusal() async throws {
    try await run { scene in
      let client = try scene.client()
      #expect(try await client.send("GET", "/agents", body: nil).status == 200)
      scene.interloper.behave { asked, host in
        guard asked.path == "/secure/call" else { return .init(try await host.passOn(asked)) }
        return .init(status: 401, Array(#"{"error":{"code":"secure_session_unknown","message":"no"}}"#.utf8))
      }
      #expect(await failure { _ = try await client.send("GET", "/agents", body: nil) } != nil)
      #expect(
        scene.interloper.requests.map(\.path) == ["/secure/call", "/secure/session", "/secure/call"])
      #expect(!scene.sawTheKey)
    }
  }
}

extension SecretBytes {
  fileprivate init(copying text: String) {
    var bytes = Array(text.utf8)
    self.init(taking: &bytes)
  }
}
