import Foundation
import SecretMemory
import Testing

@testable import Keyring

/// What is moved, between stores of these kinds, with the choice written to a file.
private struct Mover {
  struct PowerCut: Error {}

  static let items: [KeyItem] = [
    .masterKey, .dataKey, .modelKey("https://models.example/v1"), .modelKey("http://127.0.0.1:8080/v1"),
  ]

  let folders: HostFolders
  let host = UUID()
  let cheap = Argon2Parameters(operations: 1, memory: 64 << 20)

  init(_ folder: TemporaryFolder) throws {
    folders = HostFolders(home: folder.url)
    try folders.create()
  }

  func store(_ kind: KeyStoreKind) -> any KeyStore {
    switch kind {
    case .secretService: return SecretServiceKeyStore(hostID: host)
    case .passphrase:
      return SealedKeyStore.passphrase(
        file: folders.passphraseKeyFile,
        asking: Answers("correct horse battery"),
        cost: cheap)
    case .systemdCredential: return SealedKeyStore.credential(folders: folders)
    case .file: return FileKeyStore(file: folders.keyFile)
    }
  }

  var choice: KeyStoreChoice {
    get throws {
      let text = try #require(try PrivateFile.read(folders.settingsFile, limit: 999))
      let parts = String(decoding: text, as: UTF8.self).split(
        separator: " ", omittingEmptySubsequences: false)
      return KeyStoreChoice(
        current: try #require(KeyStoreKind(rawValue: String(parts[0]))),
        copyingTo: KeyStoreKind(rawValue: String(parts[1])), leaving: KeyStoreKind(rawValue: String(parts[2]))
      )
    }
  }

  func write(_ choice: KeyStoreChoice) throws {
    let text =
      "\(choice.current.rawValue) \(choice.copyingTo?.rawValue ?? "") \(choice.leaving?.rawValue ?? "")"
    try PrivateFile.replace(folders.settingsFile, with: Array(text.utf8))
  }

  /// A start in one store, with the key for a peer beside, which is somebody else's.
  func begin(in kind: KeyStoreKind) throws {
    for (index, item) in Self.items.enumerated() { try store(kind).keep([UInt8(index), 7], as: item) }
    try store(kind).keep([99], as: .peerKey("home"))
    try write(KeyStoreChoice(current: kind))
  }

  /// Moves, with the power cut after so many steps or writes.
  @discardableResult
  func move(to kind: KeyStoreKind, cutAfter limit: Int = .max) throws -> [String] {
    var left = limit
    func count() throws {
      left -= 1
      if left < 0 { throw PowerCut() }
    }
    let move = KeyMove(
      store: store,
      owns: { item in
        if case .peerKey = item { false } else { true }
      },
      write: { choice in
        try count()
        try write(choice)
      }, after: { _ in try count() })
    return try move.run(try choice, to: kind)
  }

  /// Whether the store in use has everything.
  func expectWhole(_ comment: Comment? = nil) throws {
    let store = store(try choice.current)
    for (index, item) in Self.items.enumerated() {
      #expect(try store.bytes(item) == [UInt8(index), 7], comment)
    }
  }

  /// Whether a store has nothing of what was moved.
  func expectEmpty(_ kind: KeyStoreKind, _ comment: Comment? = nil) throws {
    #expect(try store(kind).names().allSatisfy { $0 == "peer-key:home" }, comment)
  }

  /// Cuts a move at every place, and lets the next one finish it or take it back.
  func check(from old: KeyStoreKind, to new: KeyStoreKind) throws {
    for isFinished in [true, false] {
      var limit = 0
      var isDone = false
      while !isDone {
        try begin(in: old)
        do {
          try move(to: new, cutAfter: limit)
          isDone = true
        } catch is PowerCut {}
        let place: Comment = "cut after \(limit), \(old) to \(new)"
        try expectWhole(place)
        let end = isFinished ? new : old
        try move(to: end)
        #expect(try choice == KeyStoreChoice(current: end), place)
        try expectWhole(place)
        try expectEmpty(isFinished ? old : new, place)
        #expect(try store(old).bytes(.peerKey("home")) == [99], place)
        // From the beginning again.
        for kind in [old, new] {
          for name in try store(kind).names() { try store(kind).remove(try #require(KeyItem(name: name))) }
        }
        limit += 1
      }
      #expect(limit > 2 * Mover.items.count)
    }
  }
}

@Suite("Moving keys from one store to another", .serialized)
struct KeyMoveTests {
  @Test("between a plain file and a passphrase, a cut at any place loses nothing, and the next move mends it")
  func files() throws {
    let folder = try TemporaryFolder()
    let mover = try Mover(folder)
    try mover.check(from: .file, to: .passphrase)
    try mover.check(from: .passphrase, to: .file)
  }

  @Test("between the desktop keyring and files, a cut at any place loses nothing, and the next move mends it")
  func keyring() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      let folder = try TemporaryFolder()
      let mover = try Mover(folder)
      try mover.check(from: .secretService, to: .file)
      try mover.check(from: .passphrase, to: .secretService)
    }
  }

  @Test("to a systemd credential and back", .enabled(if: MachineKey.isUsable))
  func credential() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      MachineKey.use(in: folder)
      let mover = try Mover(folder)
      try mover.begin(in: .file)
      try mover.move(to: .systemdCredential)
      try mover.expectWhole()
      try mover.expectEmpty(.file)
      try mover.move(to: .file)
      try mover.expectWhole()
      #expect(!FileManager.default.fileExists(atPath: mover.folders.credentialFile(.keys).path))
    }
  }

  @Test("a store that holds other keys under the same names is refused, and both stay as they are")
  func occupied() throws {
    let folder = try TemporaryFolder()
    let mover = try Mover(folder)
    try mover.begin(in: .file)
    try mover.store(.passphrase).keep([1], as: .dataKey)
    #expect(throws: KeyringError.occupied(item: "data-key", kind: .passphrase)) {
      try mover.move(to: .passphrase)
    }
    try mover.expectWhole()
    #expect(try mover.store(.passphrase).bytes(.dataKey) == [1])
    #expect(try mover.choice == KeyStoreChoice(current: .file))
  }

  @Test("a key that changed in the old store after the turning point is not removed")
  func changed() throws {
    let folder = try TemporaryFolder()
    let mover = try Mover(folder)
    try mover.begin(in: .file)
    // Two writes, the beginning, the copies, and what is called after the turning point.
    #expect(throws: Mover.PowerCut.self) {
      try mover.move(to: .passphrase, cutAfter: 3 + Mover.items.count)
    }
    #expect(try mover.choice == KeyStoreChoice(current: .passphrase, leaving: .file))
    try mover.store(.file).keep([1], as: .dataKey)
    #expect(throws: KeyringError.forgets(item: "data-key", kind: .passphrase)) {
      try mover.move(to: .passphrase)
    }
    #expect(try mover.store(.file).bytes(.dataKey) == [1])
  }
}
