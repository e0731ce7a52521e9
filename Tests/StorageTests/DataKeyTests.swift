import Foundation
import Keyring
import SecretMemory
import Testing

@testable import Storage

/// A key store that answers with what the test wants.
private struct Stub: KeyStore {
  let kind = KeyStoreKind.file
  var content: [UInt8]?
  var refusal: KeyringError?

  func store(_ secret: borrowing SecretBytes, as item: KeyItem) throws(KeyringError) {
    throw refusal ?? .refused("a key was made")
  }

  func load(_ item: KeyItem) throws(KeyringError) -> SecretBytes? {
    if let refusal { throw refusal }
    guard let content else { return nil }
    return SecretBytes(count: content.count) { $0.copyBytes(from: content) }
  }

  func remove(_ item: KeyItem) throws(KeyringError) { throw .refused("a key was removed") }

  func names() throws(KeyringError) -> [String] { throw .refused("the names were asked for") }
}

@Suite("The data key")
struct DataKeyTests {
  private let host: TemporaryHost

  init() throws { host = try TemporaryHost() }

  private static let names: [DatabaseName] =
    DatabaseName.single + [
      .agent(UUID()), .agent(UUID()), .plugin(PluginID(rawValue: "com.example.a")!),
      .plugin(PluginID(rawValue: "com.example.b")!),
    ]

  private func hex(_ key: DataKey, _ name: DatabaseName) -> String {
    key.databaseKey(for: name).withUnsafeBytes { $0.map { String(format: "%02x", $0) }.joined() }
  }

  @Test(
    "the key of a database is what another implementation of RFC 5869 derives",
    arguments: [
      (DatabaseName.chatHistory, "6f183ddf7d1b8a2b8f6ea3f1e0364d3f70d38658ed6276f00831fe430303395b"),
      (DatabaseName.host, "14c52ad84566f61325f205f4db3d541269ca5feae592776030c96a0bd993ea0a"),
    ])
  func derivation(name: DatabaseName, expected: String) throws {
    // Made by Python's hmac from the bytes 0 to 31 and the info "osaurus-db-v1:<name>".
    let key = try DataKey(SecretBytes(count: 32) { $0.copyBytes(from: (0..<32).map { UInt8($0) }) })
    #expect(hex(key, name) == expected)
  }

  @Test("no two databases and no two hosts share a key")
  func distinct() {
    let keys = [DataKey.generate(), DataKey.generate()]
    let derived = keys.flatMap { key in Self.names.map { hex(key, $0) } }
    #expect(Set(derived).count == keys.count * Self.names.count)
  }

  @Test("anything but 32 bytes is refused", arguments: [0, 1, 31, 33, 64])
  func size(count: Int) {
    #expect(throws: StorageError.malformedKey) { _ = try DataKey(.random(count: count)) }
  }

  @Test("the first start makes a key and keeps it, later ones read it")
  func provision() throws {
    let store = FileKeyStore(file: host.folders.keyFile)
    let made = try DataKey.provision(in: store, folders: host.folders)
    let read = try DataKey.provision(in: store, folders: host.folders)
    #expect(hex(made, .host) == hex(read, .host))
    try host.withDatabase(read) { _ in }
    #expect(hex(try DataKey.provision(in: store, folders: host.folders), .host) == hex(made, .host))
  }

  @Test(
    "a key store that cannot be read is never a reason to make a key",
    arguments: [
      KeyringError.locked, .timedOut, .noCollection, .unavailable("no bus"), .malformed(path: "/keys.json"),
    ])
  func unreadable(refusal: KeyringError) {
    #expect(throws: StorageError.file(refusal)) {
      _ = try DataKey.provision(in: Stub(refusal: refusal), folders: host.folders)
    }
  }

  @Test("what is no key is refused, and not replaced")
  func malformed() {
    #expect(throws: StorageError.malformedKey) {
      _ = try DataKey.provision(in: Stub(content: [1, 2, 3]), folders: host.folders)
    }
  }

  @Test("a missing key is never replaced while any database is there", arguments: names)
  func missing(name: DatabaseName) throws {
    try host.withDatabase(.generate(), name) { _ in }
    let before = try host.files(name)
    #expect(throws: StorageError.keyMissingForExistingData) {
      _ = try DataKey.provision(in: Stub(), folders: host.folders)
    }
    #expect(try host.files(name) == before)
  }
}
