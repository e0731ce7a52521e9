import Testing

@testable import SecureChannel

@Suite("SecureChannel errors")
struct SecureChannelErrorTests {
  @Test("an error reads as a sentence")
  func readsAsASentence() {
    #expect("\(SecureChannelError.replayed)".hasSuffix("."))
  }
}
