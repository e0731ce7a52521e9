import Testing

@testable import Identity

@Suite("Identity errors")
struct IdentityErrorTests {
  @Test("an error reads as a sentence")
  func readsAsASentence() {
    #expect("\(IdentityError.malformedAddress)".hasSuffix("."))
  }
}
