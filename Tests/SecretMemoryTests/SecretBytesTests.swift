import Testing

@testable import SecretMemory

@Suite("Secret bytes")
struct SecretBytesTests {
  @Test("a secret has the length that was asked for")
  func length() {
    let secret = SecretBytes(count: 32) { $0.initializeMemory(as: UInt8.self, repeating: 7) }
    #expect(secret.count == 32)
  }
}
