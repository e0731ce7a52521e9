import Identity
import Testing

@testable import Relay

@Suite("Where a relay is")
struct RelayURLTests {
  @Test(
    "relays are named by their URL, and the usual path need not be said",
    arguments: [
      ("wss://relay.example", "wss://relay.example"), ("https://Relay.Example/", "wss://relay.example"),
      ("wss://relay.example:8443/tunnel/connect", "wss://relay.example:8443"),
      ("wss://relay.example/other", "wss://relay.example/other"),
      ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080"), ("http://localhost:80", "ws://localhost"),
      ("ws://[::1]:8080", "ws://[::1]:8080"),
    ])
  func good(text: String, written: String) throws {
    let url = try RelayURL(text)
    #expect(url.description == written)
    #expect(try RelayURL(url.description) == url)
  }

  @Test(
    "anything else is refused",
    arguments: [
      "", "relay.example", "ftp://relay.example", "wss://", "wss://user@relay.example",
      "wss://relay.example?x",
      "wss://relay.example#x", "wss://relay.example:0", "wss://relay.example:70000", "wss://re lay",
      "wss://r\u{e4}lay", "wss://a%2fb",
    ])
  func malformed(text: String) {
    #expect(throws: RelayURL.Refusal.malformed) { try RelayURL(text) }
  }

  @Test("without TLS a relay may be on this machine, and elsewhere only where its owner insists")
  func plaintext() throws {
    for text in ["ws://relay.example", "http://192.168.1.2:80", "ws://127.0.0.1.example", "ws://128.0.0.1"] {
      #expect(throws: RelayURL.Refusal.plaintext) { try RelayURL(text) }
      #expect(try !RelayURL(text, allowsPlaintext: true).isSecure)
    }
  }

  @Test("an agent's public URL is a host that begins with its address, and nothing else")
  func agents() throws {
    let agent = try #require(Address(ignoringChecksum: "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"))
    let (secure, local) = (try RelayURL("wss://relay.example"), try RelayURL("ws://127.0.0.1:1"))
    let host = "\(agent.lowercased).relay.example"
    #expect(AgentURL("https://\(host)", of: agent, at: secure)?.text == "https://\(host)")
    #expect(AgentURL("https://\(host):8443/", of: agent, at: secure)?.text == "https://\(host):8443")
    #expect(AgentURL("http://\(host):80", of: agent, at: local) != nil)
    let below = "http://127.0.0.1:1/a/\(agent.lowercased)"
    #expect(AgentURL(below, of: agent, at: local)?.text == below)
    #expect(AgentURL("http://127.0.0.2:1/a/\(agent.lowercased)", of: agent, at: local) == nil)
    #expect(AgentURL(below + "/health", of: agent, at: local) == nil)
    for text in [
      "", "http://\(host)", "https://169.254.169.254", "https://relay.example/\(agent.lowercased).",
      "https://\(host)@127.0.0.1", "https://u:p@\(host)", "https://\(host)/x", "https://\(host)?a",
      "https://\(host)#a",
      "file:///etc/passwd", "https://x\(host)", "https://\(host):0",
    ] {
      #expect(AgentURL(text, of: agent, at: secure) == nil, "\(text)")
    }
    let other = try #require(Address(ignoringChecksum: "0x0aaeb6053f3e94c9b9a09f33669435e7ef1beaed"))
    #expect(AgentURL("https://\(host)", of: other, at: secure) == nil)
  }
}
