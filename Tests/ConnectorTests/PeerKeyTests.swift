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

  @Test("a key does not print")
  func silent() throws {
    let key = try PeerKey(SecretBytes(copyingText: "osk-v1.abc.def"))
    #expect(!"\(key)".contains("abc"))
    var dumped = ""
    dump(key, to: &dumped)
    #expect(!dumped.contains("abc"))
  }
}
