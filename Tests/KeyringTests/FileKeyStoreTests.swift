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

  private func bytes(_ item: KeyItem) throws -> [UInt8]? {
    guard let secret = try store.load(item) else { return nil }
    return secret.withUnsafeBytes { Array($0) }
  }

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

  @Test("a file that is something else is refused and kept", arguments: ["", "{", "[]", "{\"version\":2}"])
  func malformed(content: String) throws {
    let file = folder.url.appending(path: "keys.json")
    try PrivateFile.replace(file, with: Array(content.utf8))
    #expect(throws: KeyringError.malformed(path: file.path)) {
      try store.store(SecretBytes.random(count: 32), as: .masterKey)
    }
    #expect(try PrivateFile.read(file, limit: 100) == Array(content.utf8))
  }
}
