import Testing

@testable import Keyring

@Suite("What a refusal says")
struct KeyringErrorTests {
  private static let all: [KeyringError] = [
    .unavailable("no bus"), .locked, .noCollection, .timedOut, .refused("it did not want to"),
    .unsafePermissions(path: "/p", mend: "chmod 600 '/p'"),
    .file(path: "/p", reason: "No space left on device"),
    .malformed(path: "/p"), .socketPathTooLong("/p"), .noHome, .newerFile(path: "/p"), .dismissed, .ended,
    .notOpened(path: "/p", kind: .passphrase), .notOpened(path: "/p", kind: .systemdCredential),
    .passphraseNotText, .shortPassphrase(minimum: 12), .passphrasesDiffer, .nobodyToAsk, .notAnswered,
    .askingNotPermitted, .notEnoughMemory(mebibytes: 64), .credentialsMissing,
    .occupied(item: "data-key", kind: .file), .forgets(item: "data-key", kind: .file), .credentialsNeedRoot,
    .credentialFileMissing(path: "/p"), .credentialUnsealed, .credentialRefused("no TPM."),
    .programTimedOut("systemd-creds"), .programFailed("systemd-creds", reason: "it was ended by a signal"),
  ]

  @Test("every refusal is a sentence on one line", arguments: all)
  func sentence(error: KeyringError) {
    #expect(error.description.count > 10)
    #expect(!error.description.contains("\n"))
    #expect(error.description.hasSuffix(".") || error.description.hasSuffix("'"))
  }

  @Test("the names of items tell them apart")
  func names() {
    let items: [KeyItem] = [.masterKey, .dataKey, .deviceKey, .modelKey("a"), .peerKey("a"), .modelKey("b")]
    #expect(Set(items.map(\.name)).count == items.count)
    for item in items { #expect(KeyItem(name: item.name) == item) }
    for name in ["", "master-key ", "model-key", "other:a"] { #expect(KeyItem(name: name) == nil) }
  }
}
