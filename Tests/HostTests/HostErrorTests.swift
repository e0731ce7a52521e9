import Testing

@testable import Host

@Suite("Host errors")
struct HostErrorTests {
  @Test(
    "an error reads as a sentence on one line",
    arguments: [
      HostError.notInitialised, .initialisationRunning, .leftovers(path: "/p"), .dataInUse(folder: "/p"),
      .alreadyRunning(socket: "/p"),
    ])
  func readsAsASentence(error: HostError) {
    #expect("\(error)".hasSuffix("."))
    #expect(!"\(error)".contains("\n"))
  }
}
