import Testing

@testable import Identity

@Suite("The reasons for refusing access keys")
struct AccessKeyRefusalTests {
  @Test("clients are told these words, which other hosts use too")
  func words() {
    #expect(
      AccessKeyRefusal.allCases.map(\.rawValue) == [
        "Unrecognized token format", "Invalid payload encoding", "Invalid signature encoding",
        "Malformed payload", "Signature recovery failed", "Issuer mismatch", "Audience mismatch",
        "Issuer not whitelisted",
      ])
  }
}
