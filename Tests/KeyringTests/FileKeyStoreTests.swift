import Foundation
import SecretMemory
import Testing

@testable import Keyring

/// A folder that goes with the test.
final class TemporaryFolder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "osaurus-test-\(UUID().uuidString)")
    try PrivateFile.makeFolder(url)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func mode(of path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: url.appending(path: path).path)
    return try #require(attributes[.posixPermissions] as? Int)
  }
}

@Suite("Keys in a file")
struct FileKeyStoreTests {
  private let folder: TemporaryFolder
  private let store: FileKeyStore

  init() throws {
    folder = try TemporaryFolder()
    store = FileKeyStore(file: folder.url.appending(path: "keys.json"))
  }

  private func bytes(_ item: KeyItem) throws -> [UInt8]? { try store.bytes(item) }

  @Test("what is stored is read back, also by another instance, and only its owner may open the file")
  func roundTrip() throws {
    #expect(try bytes(.masterKey) == nil)
    try store.store(SecretBytes(count: 3) { $0.copyBytes(from: [1, 2, 3]) }, as: .masterKey)
    try store.store(SecretBytes(count: 1) { $0.copyBytes(from: [9]) }, as: .peerKey("home"))
    #expect(try bytes(.masterKey) == [1, 2, 3])
    #expect(try bytes(.peerKey("home")) == [9])
    #expect(try folder.mode(of: "keys.json") == 0o600)
    try store.remove(.masterKey)
    #expect(try bytes(.masterKey) == nil)
    #expect(try bytes(.peerKey("home")) == [9])
  }

  @Test("a key file that others may read is refused, with the command that mends it")
  func permissions() throws {
    try store.store(SecretBytes.random(count: 32), as: .masterKey)
    let path = folder.url.appending(path: "keys.json").path
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    #expect(throws: KeyringError.unsafePermissions(path: path, mend: "chmod 600 '\(path)'")) {
      _ = try bytes(.masterKey)
    }
  }

  @Test(
    "a file that is something else is refused and kept",
    arguments: [
      "", "{", "[]", "null", "{\"version\":2}", "{\"items\":{},\"version\":2}", "{\"items\":{}}",
      "{\"items\":[],\"version\":1}", "{\"items\":{\"data-key\":7},\"version\":1}", "\u{0}",
      "{\"items\":{},\"version\":1", "{\"items\":{},\"version\":1}}", "{\"items\":{},\"version\":10}",
      "{\"items\":{},\"version\":1,}", "{\"items\":{},\"items\":{},\"version\":1}",
      "{\"items\":{\"data-key\":\"AQI=\",\"data-key\":\"AQI=\"},\"version\":1}",
      "{\"items\":{\"data-key\":\"AQI=},\"version\":1}", "{\"items\":{\"\\x\":\"AQI=\"},\"version\":1}",
      "{\"items\":{},\"more\":1,\"version\":1}", "{\"items\":{\"a\":\"\\",
    ])
  func malformed(content: String) throws {
    let file = folder.url.appending(path: "keys.json")
    try PrivateFile.replace(file, with: Array(content.utf8))
    #expect(throws: KeyringError.malformed(path: file.path)) {
      try store.store(SecretBytes.random(count: 32), as: .masterKey)
    }
    #expect(try PrivateFile.read(file, limit: 100) == Array(content.utf8))
  }

  @Test("a file that a person has laid out is read, and the other items are kept as they stand")
  func laidOut() throws {
    let file = folder.url.appending(path: "keys.json")
    let text =
      "{ \"version\" : 1,\n\t\"items\": { \"peer-key:a\\/\\u00e9\":\"%%\", \"data-key\" : \"AQI=\" } }\n"
    try PrivateFile.replace(file, with: Array(text.utf8))
    #expect(try bytes(.dataKey) == [1, 2])
    #expect(try store.contains(.peerKey("a/é")))
    try store.keep([255], as: .masterKey)
    #expect(
      try String(contentsOf: file, encoding: .utf8)
        == #"{"items":{"data-key":"AQI=","master-key":"/w==","peer-key:a/é":"%%"},"version":1}"#)
  }

  @Test("an item is found without being decoded, and only where it is")
  func contains() throws {
    #expect(try !store.contains(.masterKey))
    try store.keep([1], as: .peerKey("home"))
    #expect(try store.contains(.peerKey("home")))
    #expect(try !store.contains(.masterKey))
    #expect(try !store.contains(.dataKey))
  }

  @Test("forgetting what is not there writes nothing")
  func removeNothing() throws {
    try store.remove(.masterKey)
    #expect(!FileManager.default.fileExists(atPath: folder.url.appending(path: "keys.json").path))
  }

  @Test("a file does not grow beyond what is read again")
  func full() throws {
    try store.keep([1], as: .dataKey)
    let file = folder.url.appending(path: "keys.json")
    #expect(throws: KeyringError.file(path: file.path, reason: "would be larger than 1048576 bytes")) {
      try store.store(.random(count: 800_000), as: .peerKey("large"))
    }
    #expect(try bytes(.dataKey) == [1])
  }

  @Test("an item that is no encoded secret is refused, and the others are still there")
  func malformedItem() throws {
    let file = folder.url.appending(path: "keys.json")
    try PrivateFile.replace(
      file, with: Array(#"{"items":{"data-key":"%%%","master-key":"AQI="},"version":1}"#.utf8))
    #expect(throws: KeyringError.malformed(path: file.path)) { _ = try bytes(.dataKey) }
    #expect(try bytes(.masterKey) == [1, 2])
  }

  @Test("a file that is a symbolic link is refused, and neither read nor replaced")
  func symbolicLink() throws {
    let elsewhere = FileKeyStore(file: folder.url.appending(path: "elsewhere.json"))
    try elsewhere.keep([1], as: .dataKey)
    let file = folder.url.appending(path: "keys.json")
    try FileManager.default.createSymbolicLink(
      at: file, withDestinationURL: folder.url.appending(path: "elsewhere.json"))
    let expected = KeyringError.file(path: file.path, reason: "is a symbolic link")
    #expect(throws: expected) { _ = try bytes(.dataKey) }
    #expect(throws: expected) { try store.keep([2], as: .dataKey) }
    #expect(throws: expected) { try store.remove(.dataKey) }
    #expect(try elsewhere.bytes(.dataKey) == [1])
  }

  @Test("a folder that others may enter is refused before anything is written")
  func openFolder() throws {
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.url.path)
    let mend = "chmod 700 '\(folder.url.path)'"
    #expect(throws: KeyringError.unsafePermissions(path: folder.url.path, mend: mend)) {
      try store.keep([1], as: .dataKey)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }

  @Test("keys that are stored at once are all there")
  func concurrency() async throws {
    let store = store
    try await withThrowingTaskGroup { group in
      for number in UInt8(0)..<16 {
        group.addTask { try store.keep([number], as: .peerKey("\(number)")) }
      }
      try await group.waitForAll()
    }
    for number in UInt8(0)..<16 { #expect(try bytes(.peerKey("\(number)")) == [number]) }
  }

  @Test("any bytes are kept", arguments: [[], [0], Array(0...255)])
  func anyBytes(secret: [UInt8]) throws {
    try store.keep(secret, as: .modelKey("a/b \" \u{e9}"))
    #expect(try bytes(.modelKey("a/b \" \u{e9}")) == secret)
  }

  @Test("it says in plain words what it does not protect from")
  func plainWords() {
    for word in ["root", "disk", "backup"] { #expect(FileKeyStore.plainWords.contains(word)) }
  }
}
