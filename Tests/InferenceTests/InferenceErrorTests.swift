import Testing

@testable import Inference

@Suite("Inference errors")
struct InferenceErrorTests {
  @Test(
    "an error reads as a sentence",
    arguments: [
      InferenceError.noModel, .unknownModel("x"), .invalidURL(reason: "r"), .keyNeedsTLS(host: "h"),
      .invalidKey,
      .unreachable(provider: "P"), .timedOut(provider: "P"),
      .refused(provider: "P", status: 500, message: ""),
      .modelDied(provider: "P"), .badAnswer(provider: "P", reason: "r"), .runtimeNotInstalled,
      .runtimeUnsupported(architecture: "a"), .pythonMissing, .installFailed(reason: "r"),
      .checksumMismatch(file: "f"), .runtimeFailed(reason: "r"), .shuttingDown,
    ])
  func readsAsASentence(_ error: InferenceError) {
    #expect("\(error)".hasSuffix("."))
    #expect("\(error)".first?.isUppercase == true || "\(error)".hasPrefix("f "))
  }
}
