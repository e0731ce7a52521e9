import Foundation
import Identity
import SecretMemory
import Testing

@testable import Connector

@Suite("Keys for peers")
struct PeerKeyTests {
  @Test(
    "a key is taken without the spaces around it",
    arguments: ["osk-v1.abc.def", " osk-v1.abc.def\r\n", "\tosk-v1.abc.def "])
  func taken(text: String) throws {
    let key = try PeerKey(SecretBytes(copyingText: text))
    #expect(key.withAuthorization { $0 } == "Bearer osk-v1.abc.def")
  }

  @Test(
    "anything else is refused",
    arguments: [
      "", " ", "osk-v1", "osk-v1.", "osk-v1.abc", "osk-v1..def", "osk-v1.abc.", "osk-v1.a.b.c",
      "osk-v2.abc.def",
      "sk-abcdef", "Osk-v1.abc.def", "osk-v1.a c.def", "osk-v1.a\nc.def", "osk-v1.ä.def", "osk-v1.a\u{0}.def",
      "osk-v1.abc." + String(repeating: "d", count: 4096),
    ])
  func refused(text: String) {
    #expect(throws: ConnectorError.invalidKey) { try PeerKey(SecretBytes(copyingText: text)) }
  }

  @Test("a key says whether it is for one agent; one that says nothing that makes sense is not")
  func audience() throws {
    let (agent, other) = (try MasterKey.generate().signingKey, try MasterKey.generate().address)
    let text = AccessKeyMint.mint(
      by: agent, label: "a \"label\"", counter: 1, expiry: .days90, issuedAt: 0, nonce: UUID()
    ).withText { $0 }
    let key = try PeerKey(SecretBytes(copyingText: text))
    #expect(key.isFor(agent.address) && !key.isFor(other))
    for claims in ["e30", "abc", "_", Base64URL.string(Array(#"{"aud":7}"#.utf8)), "W10"] {
      #expect(try !PeerKey(SecretBytes(copyingText: "osk-v1.\(claims).00")).isFor(agent.address))
    }
  }

  @Test("a key does not print")
  func silent() throws {
    let key = try PeerKey(SecretBytes(copyingText: "osk-v1.abc.def"))
    #expect(!"\(key)".contains("abc"))
    var dumped = ""
    dump(key, to: &dumped)
    #expect(!dumped.contains("abc"))
  }
}
