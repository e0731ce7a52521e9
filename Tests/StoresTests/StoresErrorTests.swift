import Testing

@testable import Stores

@Suite("Stores errors")
struct StoresErrorTests {
  @Test("an error reads as a sentence")
  func readsAsASentence() {
    #expect("\(StoresError.notFound)".hasSuffix("."))
  }
}
