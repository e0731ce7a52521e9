import Foundation
import Identity
import Keyring
import SecretMemory
import Synchronization
import Testing

@testable import Connector

@Suite("The book of peers")
struct PeerBookTests {
  private let address = Address(ignoringChecksum: "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")!

  private func withBook(_ body: (PeerBook, HostFolders, BrittleKeyStore) throws -> Void) throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "peers-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    try PrivateFile.makeFolder(home)
    let folders = HostFolders(home: home)
    let keys = BrittleKeyStore(FileKeyStore(file: folders.keyFile))
    try body(PeerBook(folders: folders, keys: keys), folders, keys)
  }

  private func peer(_ name: String, url: String = "http://tower:1337") throws -> Peer {
    try Peer(name: name, url: url, address: address)
  }

  private func key(_ text: String = "osk-v1.abc.def") throws -> PeerKey {
    try PeerKey(SecretBytes(copyingText: text))
  }

  private func permissions(_ file: URL) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
  }

  @Test("a peer and its key are kept, and listed by name")
  func roundTrip() throws {
    try withBook { book, folders, keys in
      let left = try book.list()
      #expect(left.isEmpty)
      let (tower, attic) = (try peer("tower"), try peer("attic", url: "https://attic.example/v1"))
      try book.add(tower, key: key())
      try book.add(attic, key: key("osk-v1.ghi.jkl"))
      let other = PeerBook(folders: folders, keys: keys)
      #expect(try other.list() == [attic, tower])
      #expect(try other.peer(named: "tower") == tower)
      #expect(try other.key(of: attic).withAuthorization { $0 } == "Bearer osk-v1.ghi.jkl")
    }
  }

  @Test("padding is kept with the peer, wherever it moves, and what was written before it is read")
  func padding() throws {
    try withBook { book, folders, _ in
      try book.add(peer("tower"), key: key())
      let before = try String(contentsOf: folders.peersFile, encoding: .utf8)
      #expect(!before.contains("isPadded"))
      try book.pad("tower", isPadded: true)
      #expect(try book.peer(named: "tower").isPadded)
      #expect(try book.move("tower", to: "http://attic:1337", relayURL: nil).isPadded)
      try book.pad("tower", isPadded: false)
      #expect(try !book.peer(named: "tower").isPadded)
      #expect(throws: ConnectorError.noSuchPeer("attic")) { try book.pad("attic", isPadded: true) }
    }
  }

  @Test("the file is its owner's alone and holds no key")
  func file() throws {
    try withBook { book, folders, _ in
      try book.add(peer("tower"), key: key())
      #expect(try permissions(folders.peersFile) == 0o600)
      #expect(try permissions(folders.configuration) == 0o700)
      let text = try String(contentsOf: folders.peersFile, encoding: .utf8)
      #expect(text.contains(address.checksummed))
      #expect(!text.contains("osk-v1"))
    }
  }

  @Test("a name that is taken stays with what it names")
  func exists() throws {
    try withBook { book, _, _ in
      let first = try peer("tower")
      try book.add(first, key: key())
      #expect(throws: ConnectorError.peerExists("tower")) {
        try book.add(peer("tower", url: "http://elsewhere"), key: key("osk-v1.ghi.jkl"))
      }
      #expect(try book.list() == [first])
      #expect(try book.key(of: first).withAuthorization { $0 } == "Bearer osk-v1.abc.def")
    }
  }

  @Test("a key that cannot be stored leaves no peer")
  func keyFirst() throws {
    try withBook { book, folders, keys in
      keys.breakDown()
      #expect(throws: KeyringError.locked) { try book.add(peer("tower"), key: key()) }
      let left = try book.list()
      #expect(left.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: folders.peersFile.path))
    }
  }

  @Test("a file that cannot be written leaves no key")
  func fileFails() throws {
    try withBook { book, folders, keys in
      // A folder in the file's place cannot be replaced by a file.
      try PrivateFile.makeFolder(folders.configuration)
      try FileManager.default.createDirectory(at: folders.peersFile, withIntermediateDirectories: false)
      #expect(throws: KeyringError.self) { try book.add(peer("tower"), key: key()) }
      #expect(try hasKey(keys, for: "tower") == false)
    }
  }

  @Test("what is not there is named")
  func missing() throws {
    try withBook { book, folders, keys in
      #expect(throws: ConnectorError.noSuchPeer("tower")) { try book.peer(named: "tower") }
      #expect(throws: ConnectorError.noSuchPeer("tower")) { try book.forget("tower") }
      let handshake = Peer.Handshake(signer: address, at: Date(timeIntervalSince1970: 1))
      #expect(throws: ConnectorError.noSuchPeer("tower")) { try book.record(handshake, for: "tower") }
      try book.add(peer("tower"), key: key())
      try keys.remove(.peerKey("tower"))
      #expect(throws: ConnectorError.noKey(peer: "tower")) { try book.key(of: peer("tower")) }
    }
  }

  @Test("a handshake is noted with its peer")
  func record() throws {
    try withBook { book, _, _ in
      try book.add(peer("attic"), key: key())
      try book.add(peer("tower"), key: key())
      let handshake = Peer.Handshake(signer: address, at: Date(timeIntervalSince1970: 1_700_000_000))
      try book.record(handshake, for: "tower")
      #expect(try book.peer(named: "tower").lastHandshake == handshake)
      #expect(try book.peer(named: "attic").lastHandshake == nil)
    }
  }

  @Test("a forgotten peer is gone with its key, and its name is free")
  func forget() throws {
    try withBook { book, _, keys in
      let tower = try peer("tower")
      try book.add(tower, key: key())
      try book.add(peer("attic"), key: key())
      #expect(try book.forget("tower") == tower)
      #expect(try book.list().map(\.name) == ["attic"])
      #expect(throws: ConnectorError.noKey(peer: "tower")) { try book.key(of: tower) }
      try book.add(tower, key: key("osk-v1.new.key"))
      #expect(try book.key(of: tower).withAuthorization { $0 } == "Bearer osk-v1.new.key")
    }
  }

  @Test("an entry is forgotten also where its key cannot be")
  func entryFirst() throws {
    try withBook { book, _, keys in
      try book.add(peer("tower"), key: key())
      keys.breakDown()
      #expect(throws: KeyringError.locked) { try book.forget("tower") }
      let left = try book.list()
      #expect(left.isEmpty)
    }
  }

  @Test(
    "a file that holds anything else is refused and kept",
    arguments: [
      "", "{", "[]", "{}", #"{"version":2,"peers":[]}"#, #"{"version":1,"peers":[{}]}"#,
      #"{"version":1,"peers":[{"name":"a/b","url":"http://t","address":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed","addedAt":"2026-01-01T00:00:00Z"}]}"#,
      #"{"version":1,"peers":[{"name":"a","url":"http://u@t","address":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed","addedAt":"2026-01-01T00:00:00Z"}]}"#,
      #"{"version":1,"peers":[{"name":"a","url":"http://t","address":"0x5aae","addedAt":"2026-01-01T00:00:00Z"}]}"#,
      #"{"version":1,"peers":[{"name":"a","url":"http://t","address":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed","addedAt":"2026-01-01T00:00:00Z"},{"name":"a","url":"http://t","address":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed","addedAt":"2026-01-01T00:00:00Z"}]}"#,
    ])
  func malformed(text: String) throws {
    try withBook { book, folders, keys in
      try PrivateFile.makeFolder(folders.configuration)
      try PrivateFile.replace(folders.peersFile, with: Array(text.utf8))
      let error = KeyringError.malformed(path: folders.peersFile.path)
      #expect(throws: error) { try book.list() }
      #expect(throws: error) { try book.add(peer("tower"), key: key()) }
      #expect(throws: error) { try book.forget("a") }
      #expect(try PrivateFile.read(folders.peersFile, limit: 4096) == Array(text.utf8))
      #expect(try hasKey(keys, for: "tower") == false)
    }
  }

  private func hasKey(_ keys: BrittleKeyStore, for name: String) throws -> Bool {
    switch try keys.load(.peerKey(name)) {
    case .some: true
    case .none: false
    }
  }

  @Test("a file that others may read is refused")
  func permissions() throws {
    try withBook { book, folders, _ in
      try book.add(peer("tower"), key: key())
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folders.peersFile.path)
      #expect(throws: KeyringError.self) { try book.list() }
    }
  }

  @Test("peers that are added at once are all kept")
  func together() async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "peers-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    try PrivateFile.makeFolder(home)
    let folders = HostFolders(home: home)
    let book = PeerBook(folders: folders, keys: FileKeyStore(file: folders.keyFile))
    let peers = try (1...8).map { try peer("peer-\($0)") }
    try await withThrowingTaskGroup { group in
      for peer in peers {
        group.addTask {
          try book.add(peer, key: PeerKey(SecretBytes(copyingText: "osk-v1.abc.\(peer.name)")))
        }
      }
      try await group.waitForAll()
    }
    #expect(try book.list() == peers)
    for peer in peers {
      #expect(try book.key(of: peer).withAuthorization { $0 } == "Bearer osk-v1.abc.\(peer.name)")
    }
  }
}

/// A key store that can be made to fail.
private final class BrittleKeyStore: KeyStore {
  let kind = KeyStoreKind.file
  private let store: FileKeyStore
  private let isBroken = Mutex(false)

  init(_ store: FileKeyStore) { self.store = store }

  func breakDown() { isBroken.withLock { $0 = true } }

  private func check() throws(KeyringError) {
    if isBroken.withLock({ $0 }) { throw .locked }
  }

  func store(_ secret: borrowing SecretBytes, as item: KeyItem) throws(KeyringError) {
    try check()
    try store.store(secret, as: item)
  }

  func names() throws(KeyringError) -> [String] { try store.names() }

  func load(_ item: KeyItem) throws(KeyringError) -> SecretBytes? {
    try check()
    return try store.load(item)
  }

  func remove(_ item: KeyItem) throws(KeyringError) {
    try check()
    try store.remove(item)
  }
}
