import Testing

@testable import Agents

@Suite("Agents errors")
struct AgentsErrorTests {
  @Test("an error reads as a sentence with a next step")
  func readsAsASentence() {
    let text = "\(AgentsError.answerNotKept(reason: "disk full"))"
    #expect(text.contains("disk full") && text.contains("osaurus-host doctor"))
  }
}
