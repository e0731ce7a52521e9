import Foundation
import GRDB
import Identity
import Keyring
import SecretMemory
import Storage
import Stores
import Synchronization
import Testing

@testable import Host

@Suite("Exchanging the data key")
struct RotationTests {
  @Test("everything that was stored is there under another key, and what opened the old one opens it")
  func everything() async throws {
    let host = try await RotatedStore()
    let before = try await host.content()
    let outcome = try await KeyRotation(folders: host.folders).run()
    #expect(outcome.blobs == 3 && outcome.databases == HostDatabases.kept.count + 2)
    #expect(outcome.slots == ["phrase", "passphrase"])
    #expect(outcome.generation != host.first.generation.description)
    try await host.expectWhole(before, under: outcome.generation)
    #expect(try host.slotsOpen().map(\.generation.description) == [outcome.generation, outcome.generation])
    // Once more, and once more is another one.
    let second = try await KeyRotation(folders: host.folders).run()
    #expect(second.generation != outcome.generation)
    try await host.expectWhole(before, under: second.generation)
  }

  @Test(
    "nothing that lay under the old key is left but what was moved aside, and old slots open the old key alone"
  )
  func nothingLeft() async throws {
    let host = try await RotatedStore()
    let (slots, blobs) = (try Data(contentsOf: host.folders.keySlotsFile), try host.blobNames())
    _ = try await KeyRotation(folders: host.folders).run()
    #expect(Set(try host.blobNames()).isDisjoint(with: blobs))
    try PrivateFile.replace(host.folders.keySlotsFile, with: [UInt8](slots))
    #expect(throws: StorageError.self) { _ = try host.slotsOpen() }
    for name in try DatabaseName.existing(in: host.folders) {
      #expect(throws: StorageError.wrongKey(database: name.rawValue)) {
        try EncryptedDatabase.check(name, in: host.folders, key: host.first, migrator: nil)
      }
    }
  }

  // MARK: Sudden ends

  /// Counts the places between two writes, and ends at one of them.
  private final class Ending: Sendable {
    private let left: Mutex<Int>
    private let steps = Mutex<[KeyRotation.Step]>([])

    init(after steps: Int) { left = Mutex(steps) }

    var all: [KeyRotation.Step] { steps.withLock { $0 } }

    @Sendable func reached(_ step: KeyRotation.Step) throws {
      steps.withLock { $0.append(step) }
      let isOver = left.withLock { left in
        left -= 1
        return left < 0
      }
      if isOver { throw KeyRotation.SuddenEnd() }
    }
  }

  /// The places of a rotation from its beginning to its end.
  private static func steps() async throws -> [KeyRotation.Step] {
    let (host, whole) = (try await RotatedStore(), Ending(after: .max))
    _ = try await KeyRotation(folders: host.folders, reached: whole.reached).run()
    return whole.all
  }

  /// The files that are others than before.
  private func changes(of host: RotatedStore, since before: [String: Data]) throws -> [String] {
    let now = try host.host.content()
    // Opening a database writes into it.
    return Set(now.keys).union(before.keys).filter { now[$0] != before[$0] && !$0.contains(".sqlite") }
      .sorted()
  }

  @Test(
    "wherever it ends suddenly, the next start has everything under one key, and so has one after a second end"
  )
  func everyPlace() async throws {
    let model = try await RotatedStore()
    let before = try await model.content()
    let steps = try await Self.steps()
    #expect(steps.count > 25)
    let turn = try #require(steps.firstIndex(of: .committed))
    for place in steps.indices {
      let host = try await RotatedStore()
      let ending = Ending(after: place)
      await #expect(throws: KeyRotation.SuddenEnd.self) {
        _ = try await KeyRotation(folders: host.folders, reached: ending.reached).run()
      }
      // The first attempt to mend it ends, too, after its first step.
      _ = try? KeyRotation(folders: host.folders, reached: Ending(after: 1).reached).finish()
      let services = try await host.services()
      let generation = try host.storage().key.generation
      #expect((generation == host.first.generation) == (place < turn), "\(steps[place])")
      await services.shutdown()
      try await host.expectWhole(before, under: generation.description)
      #expect(try host.slotsOpen().allSatisfy { $0.generation == generation }, "\(steps[place])")
      #expect(try host.items() == ["data-key", "master-key"], "\(steps[place])")
    }
  }

  @Test("the same command goes on where it was ended, and does not seal again what it had sealed")
  func resumed() async throws {
    let host = try await RotatedStore()
    let before = try await host.content()
    let steps = try await Self.steps()
    let place = try #require(steps.firstIndex(of: .databaseCopied))
    await #expect(throws: KeyRotation.SuddenEnd.self) {
      _ = try await KeyRotation(folders: host.folders, reached: Ending(after: place).reached).run()
    }
    let next = NextGeneration(of: host.folders).folders
    let sealed = try FileManager.default.contentsOfDirectory(
      atPath: next.data.appending(path: "chat/blobs").path)
    #expect(sealed.count == 3)
    _ = try await KeyRotation(folders: host.folders).run()
    let names = try FileManager.default.contentsOfDirectory(
      atPath: host.folders.data.appending(path: "chat/blobs").path)
    #expect(Set(names) == Set(sealed))
    try await host.expectWhole(before, under: host.storage().key.generation.description)
  }

  @Test("a command that was ended after the turning point only has its end left")
  func resumedAfterTurn() async throws {
    let host = try await RotatedStore()
    let before = try await host.content()
    let steps = try await Self.steps()
    let place = try #require(steps.firstIndex(of: .placing(.blobsSetAside)))
    await #expect(throws: KeyRotation.SuddenEnd.self) {
      _ = try await KeyRotation(folders: host.folders, reached: Ending(after: place).reached).run()
    }
    let outcome = try await KeyRotation(folders: host.folders).run()
    #expect(outcome.wasInterrupted)
    try await host.expectWhole(before, under: outcome.generation)
  }

  @Test(
    "a journal that was cut, forged or lost lets the files say which way to go",
    arguments: ["", "osaurus-rotation-v1\n", "lost"])
  func badJournal(text: String) async throws {
    let steps = try await Self.steps()
    for step in [
      KeyRotation.Step.begun, .slotsMade, .committed, .placing(.databaseMoved), .placing(.blobsMoved),
    ] {
      let host = try await RotatedStore()
      let before = try await host.content()
      let place = try #require(steps.firstIndex(of: step))
      await #expect(throws: KeyRotation.SuddenEnd.self) {
        _ = try await KeyRotation(folders: host.folders, reached: Ending(after: place).reached).run()
      }
      if text == "lost" {
        try host.store.remove(.keyRotation)
      } else {
        try host.store.store(
          SecretBytes(count: text.utf8.count) { $0.copyBytes(from: text.utf8) }, as: .keyRotation)
      }
      let services = try await host.services()
      await services.shutdown()
      try await host.expectWhole(before, under: host.storage().key.generation.description)
      #expect(try host.items() == ["data-key", "master-key"])
    }
  }

  @Test(
    "a key store that is lost in the middle of it comes back from the words or the passphrase, at every place"
  )
  func lostKeyStore() async throws {
    let steps = try await Self.steps()
    for (place, step) in steps.enumerated() {
      let host = try await RotatedStore()
      let before = try await host.content()
      await #expect(throws: KeyRotation.SuddenEnd.self) {
        _ = try await KeyRotation(folders: host.folders, reached: Ending(after: place).reached).run()
      }
      try FileManager.default.removeItem(at: host.folders.keyFile)
      let restored = try HostRecovery.restoreDataKey(
        from: host.master.mnemonic(), folders: host.folders, settings: host.settings)
      #expect(restored.items == [.masterKey, .dataKey], "\(step)")
      let services = try await host.services()
      await services.shutdown()
      try await host.expectWhole(before, under: host.storage().key.generation.description)
    }
  }

  // MARK: Refusals

  @Test("it is refused while a service runs, while others are at work, and twice at once")
  func refused() async throws {
    let host = try await RotatedStore()
    let before = try host.host.content()
    do {
      let lock = try #require(try FileLock(tryFor: host.folders.serviceLock))
      await #expect(throws: HostError.dataInUse(folder: host.folders.data.path)) {
        _ = try await KeyRotation(folders: host.folders).run()
      }
      withExtendedLifetime(lock) {}
    }
    let services = try await host.services()
    await #expect(throws: HostError.othersAtWork) {
      _ = try await KeyRotation(folders: host.folders).run()
    }
    await services.shutdown()
    _ = before
    let use = try DataUse.alone(host.folders)
    #expect(throws: HostError.rotationRunning) { try host.storage() }
    #expect(throws: HostError.rotationRunning) {
      try HostKeySlots(folders: host.folders, settings: host.settings).addPhrase()
    }
    use.end()
  }

  @Test("a damaged database or attachment is named, nothing is changed, and nothing is left behind")
  func damaged() async throws {
    for path in ["chat/history.sqlite", "blob", "agent"] {
      let host = try await RotatedStore()
      let file =
        switch path {
        case "blob": host.folders.data.appending(path: try host.blobNames()[0])
        case "agent": DatabaseName.agent(RotatedStore.agent).file(in: host.folders)
        default: host.folders.data.appending(path: path)
        }
      let size = try Data(contentsOf: file).count
      try StoredHost.flip(file, at: size - 100)
      let before = try host.host.content()
      await #expect {
        _ = try await KeyRotation(folders: host.folders).run()
      } throws: { error in
        guard case HostError.rotationFailed(let reason) = error else { return false }
        return reason.contains(file.lastPathComponent)
      }
      #expect(try changes(of: host, since: before).isEmpty)
      #expect(try host.items() == ["data-key", "master-key"])
      #expect(!NextGeneration(of: host.folders).isThere)
    }
  }

  @Test("it ends when it is told to, before its turning point, and nothing is left of it")
  func cancelled() async throws {
    let host = try await RotatedStore()
    let before = try host.host.content()
    let progress = RotationProgress()
    progress.cancel()
    await #expect(throws: HostError.rotationCancelled) {
      _ = try await KeyRotation(folders: host.folders).run(progress)
    }
    #expect(try changes(of: host, since: before).isEmpty)
    #expect(try host.items() == ["data-key", "master-key"])
  }

  @Test("how much there is is told, and too little space refused")
  func extent() async throws {
    let host = try await RotatedStore()
    let extent = try KeyRotation(folders: host.folders).extent()
    #expect(extent.databases == HostDatabases.kept.count + 2 && extent.blobs == 3)
    #expect(extent.blobBytes > 300_000 && extent.neededBytes > extent.bytes)
    #expect(extent.slots == ["phrase", "passphrase"] && !extent.isInterrupted)
    let small = KeyRotation.Extent(
      databases: 1, databaseBytes: 1, blobs: 0, blobBytes: 0, neededBytes: 20 << 20, freeBytes: 19 << 20,
      slots: [], quarantine: [], isInterrupted: false)
    #expect(throws: HostError.noSpace(needed: 20 << 20, free: 19 << 20)) { try small.check() }
  }

  @Test("keys that are moved to another store meanwhile are moved after what was begun is at its end")
  func moved() async throws {
    let host = try await RotatedStore()
    let before = try await host.content()
    let steps = try await Self.steps()
    let place = try #require(steps.firstIndex(of: .placing(.databaseMoved)))
    await #expect(throws: KeyRotation.SuddenEnd.self) {
      _ = try await KeyRotation(folders: host.folders, reached: Ending(after: place).reached).run()
    }
    #expect(try HostKeyStores(folders: host.folders).move(to: .file) == ["data-key", "master-key"])
    try await host.expectWhole(before, under: host.storage().key.generation.description)
  }
}
