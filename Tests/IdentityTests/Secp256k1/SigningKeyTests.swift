import Foundation
import SecretMemory
import Testing

@testable import Identity

@Suite("Signing keys")
struct SigningKeyTests {
  @Test(
    "the smallest and the largest keys have their known addresses",
    arguments: [
      (
        "0000000000000000000000000000000000000000000000000000000000000001",
        "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
      ),
      (
        "0000000000000000000000000000000000000000000000000000000000000002",
        "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"
      ),
      (
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140",
        "0x80C0dbf239224071c59dD8970ab9d542E3414aB2"
      ),
      (
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
      ),
    ])
  func addresses(scalar: String, address: String) throws {
    #expect(try SigningKey.testing(scalar).address.checksummed == address)
  }

  @Test(
    "what is no private key is refused",
    arguments: [
      "", "01",
      "0000000000000000000000000000000000000000000000000000000000000000",
      "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
      "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142",
      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "00000000000000000000000000000000000000000000000000000000000001",
      "000000000000000000000000000000000000000000000000000000000000000001",
    ])
  func refused(scalar: String) {
    #expect(throws: IdentityError.invalidScalar) { try SigningKey.testing(scalar) }
  }

  @Test("the recorded signatures come out, byte for byte")
  func recorded() throws {
    let answers = try RecordedAnswers.load().signatures
    #expect(answers.count == 7)
    for answer in answers {
      let domain = try #require(SigningDomain(rawValue: answer.domain))
      let key = try SigningKey.testing(answer.key)
      let payload = try #require(Hex.decode(answer.payload))
      let signature = key.sign(payload, in: domain)
      #expect(signature.hex == answer.signature)
      #expect(signature.recoverAddress(of: payload, in: domain) == key.address)
    }
  }

  @Test("signatures of an independent implementation come out, byte for byte")
  func independent() throws {
    let alice = try MasterKey.alice()
    #expect(
      alice.signingKey.sign(Array("test payload".utf8), in: .access).hex
        == "d2cc737bb00e7cb2244001eadb6d5482f79a59f9430b9f4d5f8efc83e5454ee7"
        + "4d67374b995db16b7c9e4ea8fdfa417afda238429c89abb5205100d3296b1f5c1b")
    let agent = try alice.agentKey(AgentIndex(rawValue: 0))
    let nonce = String(repeating: "ab", count: 32)
    let tunnel = "osaurus-tunnel:\(agent.address.checksummed):\(nonce):1700000000"
    #expect(
      agent.sign(Array(tunnel.utf8), in: .ethereum).prefixedHex
        == "0xc409b998ff89116b30b0745833896fa60b8b9f9c9baeb16112272f3a8b3e904d"
        + "167f673516bad1980ed0629e2323a0cc100d95b68eb8254d8326bceb30642a2a1b")
    let pairing = "osaurus-pairing-server-v1:\(agent.address.lowercased):\(nonce)"
    #expect(
      agent.sign(Array(pairing.utf8), in: .pairingServer).prefixedHex
        == "0x07c762fde2a9f9cf01e8505d72edcae1eecd7037f8b86b2f34df49b140f062c0"
        + "771097f6878a18d7da126e4f82a3c92e82b1d32e74aba6a520092ed92f5d911b1b")
    let zeros = Base64URL.string([UInt8](repeating: 0, count: 32))
    let invite = "osaurus-agent-invite-v1:\(agent.address.checksummed):\(zeros):1800000000"
    #expect(
      agent.sign(Array(invite.utf8), in: .invite).hex
        == "6a0f517f813a448c609ade71e08101b18c2021d56e90ffca382ee2e557b8819f"
        + "18bf6dec8fcfebf5f4745cc025fb5af039afb6ef6289cea7d69f472694e36dfd1c")
  }

  @Test("the recorded invite was signed by the agent that it names")
  func invite() throws {
    struct Invite: Decodable {
      let addr: String
      let nonce: String
      let exp: Int64
      let sig: String
    }
    let recorded = try RecordedAnswers.load().invite
    let text = try #require(recorded.deeplink.split(separator: "pair=").last)
    let invite = try JSONDecoder().decode(Invite.self, from: Data(try #require(Base64URL.decode(text))))
    let signature = try #require(RecoverableSignature(hex: invite.sig))
    let agent = try MasterKey.testing(recorded.master).agentKey(AgentIndex(rawValue: recorded.index))
    let payload = Array("osaurus-agent-invite-v1:\(invite.addr):\(invite.nonce):\(invite.exp)".utf8)
    #expect(invite.addr == agent.address.checksummed)
    #expect(signature.recoverAddress(of: payload, in: .invite) == agent.address)
    #expect(agent.sign(payload, in: .invite) == signature)
  }

  @Test("the recorded handshake was signed by the agent")
  func handshake() throws {
    let channel = try RecordedAnswers.load().secureChannel
    let hello = try JSONDecoder().decode(
      RecordedAnswers.Channel.Hello.self, from: Data(channel.serverHello.utf8))
    let agent = try MasterKey.testing(channel.agentMaster)
      .agentKey(AgentIndex(rawValue: channel.agentIndex))
    #expect(
      agent.sign(Array(channel.transcript.utf8), in: .secureChannel).prefixedHex == hello.signature)
  }

  @Test("many tasks may sign and recover with one key at once")
  func concurrency() async throws {
    let key = try MasterKey.alice().signingKey
    let expected = key.sign([1, 2, 3], in: .access)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<64 {
        group.addTask {
          let signature = key.sign([1, 2, 3], in: .access)
          return signature == expected
            && signature.recoverAddress(of: [1, 2, 3], in: .access) == key.address
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }

  @Test("a key shows nothing of itself when it is printed")
  func printing() throws {
    let master = try MasterKey.alice()
    var dumped = ""
    dump(master, to: &dumped)
    let shown = "\(master) \(master.signingKey) \(String(reflecting: master.signingKey)) \(dumped)"
    #expect(!shown.lowercased().contains("ac0974") && !shown.contains("172"))
  }
}
