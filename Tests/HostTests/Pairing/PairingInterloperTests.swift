import Foundation
import HTTPTypes
import Identity
import SecretMemory
import Synchronization
import Testing

@testable import Connector
@testable import Host
@testable import Pairing

/// Somebody in between a real host and the real `connect pair`.
@Suite("Somebody in between while a device pairs", .serialized, .timeLimit(.minutes(10)))
struct PairingInterloperTests {
  /// What is done to a pairing, and what the device says of it.
  enum Attack: String, CaseIterable, Sendable {
    case swapsTheEncryptionKey = "Signature verification failed"
    case asksInItsPlace = "not signed by the agent"
    case opensAndSealsAnew = "is not signed by the agent"
    case turnsABitOfTheEnvelope = "The answer is not signed by the agent"
    case takesTheSignatureAway = "The answer is not signed by the agent that was"
    case signsItself = "The answer is not signed by the agent that was asked"
    case asksForLessToBeSigned = "The answer is not signed by the agent that was asked;"
    case makesItPermanent = "The answer is not signed by the agent that was asked; nothing"
    case answersWithAnEarlierAnswer = "The answer is not signed by the agent that was asked; nothing was"
    case answersInTheClear = "came in the clear"
    case answersAsItself = "Somebody answered as"
    case asksForAnotherAgent = "Somebody answered as 0x"
    case givesANonceOfItsOwn = "does not know its challenge"
    case repeatsTheRequest = "does not know its challenge any"
    case sendsElsewhere = "points to another URL"
    case answersNothing = "The answer is malformed"
  }

  /// What an attacker has: a key that it pairs with, one that it signs with, and an answer that it recorded.
  private struct Attacker: Sendable {
    let connector: PairingConnector
    let agent: SigningKey
    let recorded: [UInt8]
    let bob: String
    let ada: Address

    func manner(_ attack: Attack) -> Interloper.Manner {
      { asked, host in
        guard asked.path == "/pair" else {
          guard attack == .givesANonceOfItsOwn else { return .init(try await host.passOn(asked)) }
          return .init(Array(#"{"nonce":"\#(Hex.string(RandomBytes.make(32)))"}"#.utf8))
        }
        return try await pair(attack, asked, host)
      }
    }

    private func pair(
      _ attack: Attack, _ asked: Interloper.Asked, _ host: WireClient
    ) async throws -> Interloper.Told {
      let request = try asked.body.withUnsafeBytes { try PairingRequest(parsing: $0) }
      let verified = try request.verified()
      func ask(_ changes: [String: Any?]) async throws -> Interloper.Told {
        var changed = asked
        changed.body = try Self.changed(asked.body, changes)
        return .init(try await host.passOn(changed))
      }
      func answer(_ changes: [String: Any?]) async throws -> Interloper.Told {
        let honest = try await host.passOn(asked)
        return .init(try Self.changed(honest.body, changes))
      }
      func askAsItself() async throws -> WireAnswer {
        var own = asked
        own.body = Array(
          try connector.request(for: request.agentID, nonce: request.nonce, binds: true).utf8)
        return try await host.passOn(own)
      }
      switch attack {
      case .swapsTheEncryptionKey: return try await ask(["encPub": connector.receiver.encPub])
      case .asksInItsPlace: return .init(try await askAsItself())
      case .opensAndSealsAnew:
        let own = try await askAsItself()
        let sealed = try Self.envelope(in: own.body)
        let key = try sealed.open(with: connector.receiver, agent: ada, nonce: request.nonce)
        let victim = try #require(request.encPub)
        let anew = try key.withUnsafeBytes {
          try SealedAccessKey(sealing: $0, of: ada, nonce: request.nonce, to: victim)
        }
        return .init(try Self.changed(own.body, ["sealedApiKey": ["ct": anew.ct, "enc": anew.enc]]))
      case .turnsABitOfTheEnvelope:
        let honest = try await host.passOn(asked)
        let sealed = try Self.envelope(in: honest.body)
        let ct = (sealed.ct.first == "A" ? "B" : "A") + sealed.ct.dropFirst()
        return .init(try Self.changed(honest.body, ["sealedApiKey": ["ct": ct, "enc": sealed.enc]]))
      case .takesTheSignatureAway: return try await answer(["serverSignature": nil])
      case .signsItself:
        let text = "osaurus-pairing-server-v1:\(ada.lowercased):\(request.nonce)"
        return try await answer([
          "serverSignature": agent.sign(Array(text.utf8), in: .pairingServer).prefixedHex
        ])
      case .asksForLessToBeSigned: return try await ask(["bindAnswer": nil])
      case .makesItPermanent: return try await answer(["isPermanent": true])
      case .answersWithAnEarlierAnswer: return .init(recorded)
      case .answersInTheClear: return try await answer(["apiKey": "osk-v1.e30.c2ln", "sealedApiKey": nil])
      case .answersAsItself:
        let key = AccessKeyMint.mint(
          by: agent, label: nil, counter: 1, expiry: .never, issuedAt: 0, nonce: UUID())
        return .init(
          try PairingAnswer(to: verified, key: key, isPermanent: false, signedBy: agent).encoded())
      case .asksForAnotherAgent: return try await ask(["agentId": bob])
      case .givesANonceOfItsOwn: return .init(try await host.passOn(asked))
      case .repeatsTheRequest:
        _ = try await host.passOn(asked)
        return .init(try await host.passOn(asked))
      case .sendsElsewhere:
        var told = Interloper.Told(status: 307, [])
        told.headers[.location] = "http://127.0.0.1:1/pair"
        return told
      case .answersNothing: return .init(Array("{}".utf8))
      }
    }

    private static func changed(_ body: [UInt8], _ changes: [String: Any?]) throws -> [UInt8] {
      var members = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
      for (name, value) in changes { members[name] = value }
      return [UInt8](try JSONSerialization.data(withJSONObject: members))
    }

    private static func envelope(in answer: [UInt8]) throws -> SealedAccessKey {
      struct Answer: Decodable { let sealedApiKey: SealedAccessKey }
      return try JSONDecoder().decode(Answer.self, from: Data(answer)).sealedApiKey
    }
  }

  /// An owner who says yes to whatever is asked, and remembers the words.
  private final class Blind: Sendable {
    private let words = Mutex<[String]>([])
    var seen: [String] { words.withLock { $0 } }

    func sayYes(at desk: PairingDesk) async {
      while !Task.isCancelled {
        let (revision, waiting) = desk.list()
        if let first = waiting.first {
          words.withLock { $0.append(first.visitor.words.description) }
          _ = try? await desk.decide(.allowed(isPermanent: false), on: first.id)
        } else {
          await desk.change(after: revision)
        }
      }
    }
  }

  @Test(
    "whatever somebody in between does to a pairing is refused for its reason, and nothing is kept, even where the owner says yes"
  )
  func attacks() async throws {
    try await WholeHost.serve(environment: PairingRoutesTests.many) { host, doors in
      let ada = try #require(try await host.agent("Ada").address)
      let bob = try #require(try await host.agent("Bob").address)
      let owner = Blind()
      let saying = Task { await owner.sayYes(at: host.services.pairing) }
      defer { saying.cancel() }
      let connector = try PairingConnector()
      let recorded = try await doors.tcp.ask(
        "POST", "/pair",
        try connector.request(for: ada.checksummed, nonce: try await doors.tcp.nonce(), binds: true))
      #expect(recorded.status == 200)
      let attacker = Attacker(
        connector: connector, agent: try MasterKey.generate().agentKey(AgentIndex(rawValue: 0)),
        recorded: recorded.body, bob: bob.checksummed, ada: ada)
      try await Interloper.run(before: doors.port) { interloper, port in
        try await Program.run(isMade: false) { device in
          func pair() async throws -> Program.Outcome {
            try await device(
              "connect", "pair", "--url", "http://127.0.0.1:\(port)", "--agent", ada.checksummed,
              "--keystore",
              "file", "--json")
          }
          var kept: [String: Data]?
          for attack in Attack.allCases {
            interloper.behave(attacker.manner(attack))
            let outcome = try await pair()
            #expect(outcome.status == 1, "\(attack): \(outcome)")
            let said = outcome.json["message"] as? String ?? ""
            #expect(said.contains(attack.rawValue), "\(attack): \(said)")
            #expect(try await device("connect", "list", "--json").list.isEmpty, "\(attack)")
            // Neither a key nor the secret by which this machine asks: where keys rest is all that is written down.
            let files = try device.files()
            #expect(files.count == 1 && files == kept ?? files, "\(attack): \(files.keys)")
            kept = files
            let words = outcome.errors.components(separatedBy: "\n").first { $0.hasPrefix("    ") }
            let isSeen = owner.seen.last.map { words?.contains($0) == true }
            switch attack {
            case .asksInItsPlace, .opensAndSealsAnew, .asksForAnotherAgent:
              // What nobody can hide from an owner who looks.
              #expect(isSeen == false, "\(attack)")
            default: break
            }
          }
          // Whoever only listens gets nothing, and keeps nothing from coming.
          interloper.behave(Interloper.honest)
          let paired = try await pair()
          #expect(paired.status == 0, "\(paired)")
          #expect(try await device("connect", "list", "--json").list.count == 1)
          for asked in interloper.requests {
            #expect(!String(decoding: asked.body, as: UTF8.self).contains("osk-v1"))
          }
        }
      }
    }
  }

  @Test("a device waits longer than the owner has, so that a late yes makes no key that nobody gets")
  func patience() {
    #expect(PeerLimits().pairing >= PairingDesk.patience + .seconds(10))
  }

  @Test("the label of a new key is the device's address, whatever name the request calls this host by")
  func label() async throws {
    let names = ["OSAURUS_ALLOWED_HOSTS": "evil.example"]
    try await WholeHost.serve(environment: PairingRoutesTests.many.merging(names) { $1 }) { host, doors in
      let ada = try await host.agent("Ada")
      let owner = Blind()
      let saying = Task { await owner.sayYes(at: host.services.pairing) }
      defer { saying.cancel() }
      let connector = try PairingConnector()
      let body = try connector.request(for: ada.id.uuidString, nonce: try await doors.tcp.nonce())
      let answer = try await RawClient.exchange(
        port: doors.port,
        "POST /pair HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
      #expect(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
      let keys = try await host.ask("GET", "/control/keys").json["keys"] as? [[String: Any]]
      #expect(keys?.map { $0["label"] as? String } == ["Paired – \(connector.key.address.abbreviated)"])
      let peers = try await host.text("GET", "/control/peers")
      #expect(!peers.contains("evil.example"))
    }
  }
}
