import AsyncHTTPClient
import SecretMemory
import Testing

@testable import Inference

@Suite("Where a key may go")
struct ServerURLTests {
  @Test(
    "a base URL is taken apart",
    arguments: [
      ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1", "127.0.0.1", true),
      ("https://api.example.org/v1", "https://api.example.org/v1", "api.example.org", false),
      ("http://[::1]:11434/v1", "http://[::1]:11434/v1", "::1", true),
      ("HTTP://LocalHost/v1", "http://LocalHost/v1", "localhost", true),
      (" http://10.0.0.2/v1\n", "http://10.0.0.2/v1", "10.0.0.2", false),
      ("http://127.0.0.1.example.org/v1", "http://127.0.0.1.example.org/v1", "127.0.0.1.example.org", false),
    ])
  func parses(_ text: String, _ url: String, _ host: String, _ isLoopback: Bool) throws {
    let parsed = try ServerURL(text)
    #expect(parsed.text == url)
    #expect(parsed.host == host)
    #expect(parsed.isLoopback == isLoopback)
  }

  @Test(
    "what is not a base URL is refused",
    arguments: [
      "", "127.0.0.1:8080", "ftp://x/v1", "http://", "http:///v1", "http://u:p@x/v1", "https://x/v1?key=1",
      "http://x:99999/v1", "http://x/v1#a", "file:///etc/passwd",
    ])
  func refuses(_ text: String) {
    #expect(throws: InferenceError.self) { try ServerURL(text) }
  }

  private func key(_ text: String) throws -> ProviderKey {
    var bytes = Array(text.utf8)
    return try ProviderKey(SecretBytes(taking: &bytes))
  }

  @Test(
    "a key goes over TLS or stays on this machine",
    arguments: [
      ("https://api.example.org/v1", true), ("http://127.0.0.1:1/v1", true), ("http://[::1]:1/v1", true),
      ("http://localhost:1/v1", true), ("http://192.168.1.5:8080/v1", false),
      ("http://127.0.0.1.example.org/v1", false),
    ])
  func guardsKeys(_ text: String, _ isAllowed: Bool) async throws {
    let client = HTTPClient.forModels()
    let url = try ServerURL(text)
    let secret = try key("sk-1")
    if isAllowed {
      #expect(throws: Never.self) { try OpenAIProvider(name: "x", url: url, key: secret, client: client) }
    } else {
      #expect(throws: InferenceError.keyNeedsTLS(host: url.host)) {
        try OpenAIProvider(name: "x", url: url, key: secret, client: client)
      }
    }
    try await client.shutdown()
  }

  @Test(
    "a key's file may end in a line end; other bytes are refused",
    arguments: [
      ("sk-1\n", "Bearer sk-1"), ("  sk-1\r\n", "Bearer sk-1"), ("", nil), ("\n", nil), ("a b", nil),
      ("a\nb", nil), ("ü", nil),
    ] as [(String, String?)])
  func readsKeys(_ text: String, _ header: String?) throws {
    if let header {
      #expect(try key(text).withAuthorization { $0 } == header)
      #expect(try key(text).redact("bad key sk-1!") == "bad key …!")
    } else {
      #expect(throws: InferenceError.invalidKey) { try key(text) }
    }
  }
}
