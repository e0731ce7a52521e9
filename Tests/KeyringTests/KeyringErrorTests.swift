import Testing

@testable import Keyring

@Suite("What a refusal says")
struct KeyringErrorTests {
  private static let all: [KeyringError] = [
    .unavailable("no bus"), .locked, .noCollection, .timedOut, .refused("it did not want to"),
    .unsafePermissions(path: "/p", mend: "chmod 600 '/p'"),
    .file(path: "/p", reason: "No space left on device"),
    .malformed(path: "/p"), .socketPathTooLong("/p"), .noHome,
  ]

  @Test("every refusal is a sentence on one line", arguments: all)
  func sentence(error: KeyringError) {
    #expect(error.description.count > 10)
    #expect(!error.description.contains("\n"))
    #expect(error.description.hasSuffix(".") || error.description.hasSuffix("'"))
  }

  @Test("the names of items tell them apart")
  func names() {
    let items: [KeyItem] = [.masterKey, .dataKey, .modelKey("a"), .peerKey("a"), .modelKey("b")]
    #expect(Set(items.map(\.name)).count == items.count)
  }
}
