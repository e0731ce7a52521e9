import Testing

@testable import Agents

@Suite("Agents errors")
struct AgentsErrorTests {
  @Test("an error reads as a sentence")
  func readsAsASentence() {
    #expect("\(AgentsError.cancelled)".hasSuffix("."))
  }
}
