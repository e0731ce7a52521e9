import Foundation
import SecretMemory
import Synchronization
import Testing

@testable import Keyring

/// Somebody who is asked, and gives these answers one after the other.
final class Answers: PassphraseSource {
  let attempts: Int
  private let left: Mutex<[String]>
  private let count = Mutex(0)

  init(_ answers: String..., attempts: Int = 1) {
    left = Mutex(answers)
    self.attempts = attempts
  }

  /// How often somebody was asked.
  var asked: Int { count.withLock { $0 } }

  func passphrase(for path: String) throws(KeyringError) -> Passphrase { try next() }

  func newPassphrase() throws(KeyringError) -> Passphrase {
    let new = try next()
    try new.checkLength()
    return new
  }

  private func next() throws(KeyringError) -> Passphrase {
    count.withLock { $0 += 1 }
    let answer = left.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    guard let answer else { throw .notAnswered }
    return try Passphrase(typed: SecretBytes(text: answer))
  }
}

extension SecretBytes {
  init(text: String) { self.init(count: text.utf8.count) { $0.copyBytes(from: text.utf8) } }
}

@Suite("Keys under a passphrase", .serialized)
struct PassphraseKeyStoreTests {
  private let folder: TemporaryFolder
  private let cheap: Argon2Parameters
  private static let right = "correct horse battery"

  init() throws {
    folder = try TemporaryFolder()
    cheap = try #require(Argon2Parameters(operations: 1, memory: 64 << 20))
  }

  private var file: URL { folder.url.appending(path: "keys-passphrase.json") }

  private func store(_ answers: any PassphraseSource) -> SealedKeyStore {
    .passphrase(file: file, asking: answers, cost: cheap)
  }

  private func forget() { store(Answers()).forgetKey() }

  /// A file with two items, and nothing of it remembered by this process.
  private func make() throws -> [UInt8] {
    let store = store(Answers(Self.right))
    try store.keep([1, 2, 3], as: .masterKey)
    try store.keep([4], as: .peerKey("home"))
    forget()
    return try #require(try PrivateFile.read(file, limit: SealedKeyStore.limit))
  }

  @Test("secrets are kept, replaced, read and forgotten, and one question is enough for a process")
  func roundTrip() throws {
    let answers = Answers(Self.right)
    let new = store(answers)
    #expect(new.kind == .passphrase)
    #expect(try new.names().isEmpty && new.bytes(.dataKey) == nil)
    #expect(answers.asked == 0)
    try new.keep([1, 2, 3], as: .masterKey)
    try new.keep(Array(0...255), as: .modelKey("https://models.example/v1"))
    try new.keep([9], as: .masterKey)
    #expect(answers.asked == 1)
    #expect(try folder.mode(of: "keys-passphrase.json") == 0o600)
    forget()

    let again = Answers(Self.right)
    let opened = store(again)
    #expect(try opened.names().sorted() == ["master-key", "model-key:https://models.example/v1"])
    #expect(try opened.bytes(.dataKey) == nil)
    #expect(again.asked == 0)
    #expect(try opened.bytes(.masterKey) == [9])
    #expect(try opened.bytes(.modelKey("https://models.example/v1")) == Array(0...255))
    #expect(again.asked == 1)
    try opened.remove(.masterKey)
    try opened.remove(.dataKey)
    #expect(try opened.bytes(.masterKey) == nil)
    try opened.remove(.modelKey("https://models.example/v1"))
    #expect(!FileManager.default.fileExists(atPath: file.path))
  }

  @Test("nothing of a secret, nor of the passphrase, is in the file")
  func sealed() throws {
    let text = String(decoding: try make(), as: UTF8.self)
    #expect(text.contains("peer-key:home"))
    for secret in ["AQID", Self.right, "correct"] { #expect(!text.contains(secret)) }
  }

  @Test("another passphrase opens nothing and changes nothing")
  func wrong() throws {
    let before = try make()
    let refusal = KeyringError.notOpened(path: file.path, kind: .passphrase)
    #expect(throws: refusal) { _ = try store(Answers("correct horse batterY")).bytes(.masterKey) }
    #expect(throws: refusal) { try store(Answers("correct horse batterY")).keep([1], as: .dataKey) }
    #expect(throws: refusal) { try store(Answers("correct horse batterY")).remove(.masterKey) }
    #expect(throws: KeyringError.notAnswered) { _ = try store(Answers()).bytes(.masterKey) }
    #expect(try PrivateFile.read(file, limit: SealedKeyStore.limit) == before)
  }

  @Test("a person may mistype, as often as the source allows")
  func attempts() throws {
    _ = try make()
    let answers = Answers("a", "b", Self.right, attempts: 3)
    #expect(try store(answers).bytes(.masterKey) == [1, 2, 3])
    forget()
    let tired = Answers("a", "b", "c", Self.right, attempts: 3)
    #expect(throws: KeyringError.notOpened(path: file.path, kind: .passphrase)) {
      _ = try store(tired).bytes(.masterKey)
    }
    #expect(tired.asked == 3)
  }

  @Test("a passphrase is the same however its letters were composed")
  func normalised() throws {
    try store(Answers("Zu\u{308}rich am See \u{2460}")).keep([1], as: .dataKey)
    forget()
    #expect(try store(Answers("Z\u{FC}rich am See 1")).bytes(.dataKey) == [1])
  }

  @Test("short passphrases, and bytes that are no text, are refused before anything is made")
  func refused() throws {
    #expect(throws: KeyringError.shortPassphrase(minimum: 12)) {
      try store(Answers("eleven char")).keep([1], as: .dataKey)
    }
    #expect(throws: KeyringError.passphraseNotText) {
      _ = try Passphrase(typed: SecretBytes(count: 2) { $0.copyBytes(from: [0xff, 0xfe]) })
    }
    #expect(!FileManager.default.fileExists(atPath: file.path))
  }

  @Test("a flipped bit anywhere is refused, and the file is left")
  func flipped() throws {
    let good = try make()
    let key = try cheapKey(of: good)
    for index in good.indices {
      for bit in 0..<8 {
        var bent = good
        bent[index] ^= 1 << bit
        guard let read = try? SealedKeyFile(json: bent, path: "") else { continue }
        // Another salt or cost gives another key; with the right one even, the header does not fit.
        #expect(read.open(with: key) == nil, "byte \(index), bit \(bit)")
      }
    }
    #expect(try SealedKeyFile(json: good, path: "").open(with: key) != nil)
  }

  private func cheapKey(of json: [UInt8]) throws -> SecretBytes {
    guard case .passphrase(let cost, let salt) = try SealedKeyFile(json: json, path: "").lock else {
      throw KeyringError.noHome
    }
    return try cost.key(for: Passphrase(typed: SecretBytes(text: Self.right)), salt: salt)
  }

  @Test(
    "parameters out of bounds, other forms of the same file and newer versions are refused",
    arguments: [
      ("\"operations\":1", "\"operations\":0"), ("\"operations\":1", "\"operations\":65"),
      ("\"memory\":67108864", "\"memory\":1048576"), ("\"memory\":67108864", "\"memory\":2147483648"),
      ("\"kind\":\"passphrase\"", "\"kind\":\"none\""), ("{\"items\"", "{ \"items\""),
      ("\"version\":1", "\"version\":0"), ("}\n", "}\n\n"), ("\"kind\"", "\"extra\":1,\"kind\""),
    ])
  func malformed(from: String, to: String) throws {
    let text = String(decoding: try make(), as: UTF8.self)
    #expect(text.contains(from))
    try PrivateFile.replace(file, with: Array(text.replacing(from, with: to).utf8))
    #expect(throws: KeyringError.malformed(path: file.path)) { _ = try store(Answers()).names() }
    let newer = text.replacing("\"version\":1", with: "\"version\":2")
    try PrivateFile.replace(file, with: Array(newer.utf8))
    #expect(throws: KeyringError.newerFile(path: file.path)) { _ = try store(Answers()).names() }
  }

  @Test("keys that are stored at once are all there, and one answer was enough")
  func concurrency() async throws {
    _ = try make()
    let answers = Answers(Self.right)
    let store = store(answers)
    try await withThrowingTaskGroup { group in
      for number in UInt8(0)..<8 { group.addTask { try store.keep([number], as: .peerKey("\(number)")) } }
      try await group.waitForAll()
    }
    for number in UInt8(0)..<8 { #expect(try store.bytes(.peerKey("\(number)")) == [number]) }
    #expect(answers.asked == 1)
  }
}

@Suite("Where a passphrase comes from")
struct SystemPassphraseSourceTests {
  private func source(_ folder: TemporaryFolder) -> SystemPassphraseSource {
    SystemPassphraseSource(environment: ["CREDENTIALS_DIRECTORY": folder.url.path])
  }

  @Test("a systemd credential gives it, without the line end of a text file, and nobody is asked")
  func credential() throws {
    let folder = try TemporaryFolder()
    try PrivateFile.replace(
      folder.url.appending(path: "osaurus-passphrase"), with: Array("correct horse battery\n".utf8))
    let source = source(folder)
    #expect(source.attempts == 1)
    let expected = try Passphrase(typed: SecretBytes(text: "correct horse battery"))
    #expect(try source.passphrase(for: "x").isEqual(to: expected))
    #expect(try source.newPassphrase().isEqual(to: expected))
  }

  @Test("a credential that the world may read, or that is no plain file, is refused")
  func unsafe() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "osaurus-passphrase")
    try PrivateFile.replace(file, with: Array("correct horse battery".utf8))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
    #expect(throws: KeyringError.unsafePermissions(path: file.path, mend: "chmod 400 '\(file.path)'")) {
      _ = try source(folder).passphrase(for: "x")
    }
    try FileManager.default.removeItem(at: file)
    try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
    #expect(throws: KeyringError.file(path: file.path, reason: "is not a plain file")) {
      _ = try source(folder).passphrase(for: "x")
    }
    try FileManager.default.removeItem(at: file)
    try PrivateFile.replace(file, with: [UInt8](repeating: 65, count: 8193))
    #expect(throws: KeyringError.file(path: file.path, reason: "is larger than 8192 bytes")) {
      _ = try source(folder).passphrase(for: "x")
    }
  }

  @Test(
    "without a terminal, a credential or a systemd, it says so",
    .enabled(if: ControllingTerminal() == nil && AskPassword.ofThisSystem == nil))
  func nobody() throws {
    let source = SystemPassphraseSource(environment: [:])
    #expect(throws: KeyringError.nobodyToAsk) { _ = try source.passphrase(for: "x") }
    #expect(throws: KeyringError.nobodyToAsk) { _ = try source.newPassphrase() }
  }
}
