import Testing

@testable import Connector

@Suite("Connector errors")
struct ConnectorErrorTests {
  @Test("an error reads as a sentence")
  func readsAsASentence() {
    #expect("\(ConnectorError.streamTruncated)".hasSuffix("."))
  }
}
