import Testing

@testable import Storage

@Suite("Storage errors")
struct StorageErrorTests {
  @Test("an error reads as a sentence")
  func readsAsASentence() {
    #expect("\(StorageError.wrongKey)".hasSuffix("."))
  }
}
