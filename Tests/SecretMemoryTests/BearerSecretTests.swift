import SecretMemory
import Testing

@Suite("Secrets for a header")
struct BearerSecretTests {
  private func secret(_ text: String) -> SecretBytes {
    var bytes = Array(text.utf8)
    return SecretBytes(taking: &bytes)
  }

  @Test("one is taken without the space around it", arguments: ["sk-1", " sk-1\r\n", "\tsk-1 "])
  func taken(text: String) {
    guard let secret = BearerSecret(trimming: secret(text)) else {
      Issue.record("it is refused")
      return
    }
    let header = secret.withAuthorization { $0 }
    let redacted = secret.redact("no sk-1 and sk-1")
    #expect(header == "Bearer sk-1")
    #expect(redacted == "no … and …")
  }

  @Test("what no header carries, and what the caller refuses, is none")
  func refused() {
    for text in ["", " \n", "a b", "a\nb", "ä", "a\u{0}", "\u{7f}", String(repeating: "a", count: 4097)] {
      let isTaken = BearerSecret(trimming: secret(text)) != nil
      #expect(!isTaken)
    }
    let longest = BearerSecret(trimming: secret(String(repeating: "a", count: 4096))) != nil
    let other = BearerSecret(trimming: secret("abc")) { $0.count == 2 } != nil
    #expect(longest && !other)
  }
}
