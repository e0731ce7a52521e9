import Testing

@testable import Host

@Suite("Host errors")
struct HostErrorTests {
  @Test("an error reads as a sentence")
  func readsAsASentence() {
    #expect("\(HostError.notInitialised)".hasSuffix("."))
  }
}
