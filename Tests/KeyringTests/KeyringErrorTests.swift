import Testing

@testable import Keyring

@Suite("Keyring errors")
struct KeyringErrorTests {
  @Test("an error reads as a sentence")
  func readsAsASentence() {
    #expect("\(KeyringError.unavailable)".hasSuffix("."))
  }
}
