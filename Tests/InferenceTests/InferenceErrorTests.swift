import Testing

@testable import Inference

@Suite("Inference errors")
struct InferenceErrorTests {
  @Test("an error reads as a sentence")
  func readsAsASentence() {
    #expect("\(InferenceError.noModel)".hasSuffix("."))
  }
}
