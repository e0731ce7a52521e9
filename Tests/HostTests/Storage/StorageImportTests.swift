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

@Suite("Exports and imports of a whole host", .timeLimit(.minutes(10)))
struct StorageImportTests {
  /// How many databases a filled host has.
  private static let count = HostDatabases.kept.count + 2

  private func importing(
    _ path: String, into home: borrowing TemporaryHome, passphrase: String? = nil,
    reached: @escaping @Sendable (StorageImport.Step) throws -> Void = { _ in }
  ) throws -> StorageImport.Summary {
    try StorageImport(folders: home.folders, reached: reached).run(
      path, settings: HostSettings.load(folders: home.folders), passphrase: passphrase.map(FilledHost.secret))
  }

  @Test("everything comes back in a new host", arguments: ["out", "out.tar", "out.tar.age"])
  func roundTrip(name: String) async throws {
    let host = try await FilledHost()
    let passphrase = name.hasSuffix(".age") ? "five random words would do" : nil
    let path = try host.export(name, passphrase: passphrase)
    let home = TemporaryHome()
    _ = try await FilledHost.fresh(home, words: host.words)
    let checked = try StorageImport.check(
      path, passphrase: passphrase.map(FilledHost.secret), in: URL(filePath: home.path))
    #expect(!checked.imported && checked.databases == Self.count && checked.attachments == 1)
    try await FilledHost.expectNothing(in: home.folders)
    let imported = try importing(path, into: home, passphrase: passphrase)
    #expect(imported.imported && imported.rows == checked.rows && imported.bytes == checked.bytes)
    try await host.expectEverything(in: home.folders)
    // Nothing is left on the way, here or there.
    for folders in [home.folders, host.folders] {
      let left = try FileManager.default.subpathsOfDirectory(atPath: folders.data.path)
      #expect(
        !left.contains { $0.hasPrefix("export/") || $0.contains("import.") && !$0.hasSuffix(".lock") },
        "\(left)")
    }
    // And from there once more.
    let settings = try HostSettings.load(folders: home.folders)
    let again = try StorageExport(HostStorage(folders: home.folders, settings: settings)).run(
      to: home.path + "/again", form: .folder, passphrase: nil)
    #expect(again.rows >= imported.rows && again.attachments == 1)
  }

  @Test("an exported folder is nobody else's, holds no key, and has the checksums of all files")
  func folder() async throws {
    let host = try await FilledHost()
    let path = try host.export()
    let files = try FileManager.default.subpathsOfDirectory(atPath: path)
    for file in files {
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(file)")
      let isFolder = attributes[.type] as? FileAttributeType == .typeDirectory
      #expect(attributes[.posixPermissions] as? Int == (isFolder ? 0o700 : 0o600), "\(file)")
      #expect(!file.contains("keys") && !file.contains("slots"))
    }
    let manifest = try ExportManifest(parsing: Data(contentsOf: URL(filePath: path + "/manifest.json")))
    #expect(
      Set(manifest.databases.map(\.name))
        == Set((HostDatabases.kept + [host.agentDatabase, FilledHost.plugin]).map(\.rawValue)))
    #expect(manifest.databases.first { $0.name == "chat/history.sqlite" }?.rows["turns"] == 30)
    let sums = try String(contentsOfFile: path + "/SHA256SUMS", encoding: .utf8)
    #expect(sums.split(separator: "\n").count == Self.count + 3)
    let program = Process()
    program.executableURL = URL(filePath: "/usr/bin/sha256sum")
    program.arguments = ["--check", "--quiet", "SHA256SUMS"]
    program.currentDirectoryURL = URL(filePath: path)
    try program.run()
    program.waitUntilExit()
    #expect(program.terminationStatus == 0)
    // A second one does not touch it.
    #expect(throws: ExportFault.targetExists(path)) { _ = try host.export() }
    try Data().write(to: URL(filePath: host.home.path + "/more.partial"))
    #expect(throws: ExportFault.unfinished(host.home.path + "/more.partial")) { _ = try host.export("more") }
  }

  @Test("whatever was changed in a folder is noticed, and the host is as it was")
  func changed() async throws {
    let host = try await FilledHost()
    let path = try host.export()
    let home = TemporaryHome()
    _ = try await FilledHost.fresh(home, words: host.words)
    let files = try FileManager.default.subpathsOfDirectory(atPath: path).filter {
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(path)/\($0)", isDirectory: &isFolder)
        && !isFolder.boolValue
    }
    #expect(files.count == Self.count + 4)
    func expectRefusal(_ words: String, of change: (String) throws -> Void) throws {
      let copy = home.path + "/copy"
      try FileManager.default.copyItem(atPath: path, toPath: copy)
      defer { try? FileManager.default.removeItem(atPath: copy) }
      try change(copy)
      #expect(throws: ExportFault.self, "\(words)") { _ = try importing(copy, into: home) }
    }
    for file in files {
      let size = try Data(contentsOf: URL(filePath: "\(path)/\(file)")).count
      for offset in [0, size / 3, size / 2, size - 1] {
        try expectRefusal("\(file) at \(offset)") { copy in
          let url = URL(filePath: "\(copy)/\(file)")
          var bytes = try Data(contentsOf: url)
          bytes[offset] ^= 4
          try bytes.write(to: url)
        }
      }
      try expectRefusal("\(file) cut") { copy in
        let url = URL(filePath: "\(copy)/\(file)")
        try Data(contentsOf: url).dropLast().write(to: url)
      }
      try expectRefusal("\(file) missing") { try FileManager.default.removeItem(atPath: "\($0)/\(file)") }
      try expectRefusal("\(file) a link") { copy in
        try FileManager.default.removeItem(atPath: "\(copy)/\(file)")
        try FileManager.default.createSymbolicLink(
          atPath: "\(copy)/\(file)", withDestinationPath: "\(path)/\(file)")
      }
    }
    try expectRefusal("one more") { try Data().write(to: URL(filePath: $0 + "/databases/more")) }
    try await FilledHost.expectNothing(in: home.folders)
    // What nobody changed is taken after all that.
    _ = try importing(path, into: home)
    try await host.expectEverything(in: home.folders)
  }

  @Test("a sealed archive that was changed, cut, or is tried with another passphrase is refused")
  func sealed() async throws {
    let host = try await FilledHost()
    let path = try host.export("out.tar.age", passphrase: "five random words would do")
    let home = TemporaryHome()
    _ = try await FilledHost.fresh(home, words: host.words)
    #expect(throws: AgeFault.wrongPassphrase) {
      _ = try importing(path, into: home, passphrase: "five random words would not")
    }
    let whole = try Data(contentsOf: URL(filePath: path))
    for (bent, words) in [
      (whole.dropLast(), "cut"), (whole.prefix(200_000), "cut in the middle"), (whole + [0], "lengthened"),
      (whole.prefix(100_000) + [whole[100_000] ^ 1] + whole.dropFirst(100_001), "changed"),
    ] {
      let copy = home.path + "/bent.age"
      try bent.write(to: URL(filePath: copy))
      #expect(throws: AgeFault.self, "\(words)") {
        _ = try importing(copy, into: home, passphrase: "five random words would do")
      }
    }
    try await FilledHost.expectNothing(in: home.folders)
  }

  @Test("only a host of the same identity that holds nothing takes an export")
  func notFresh() async throws {
    let host = try await FilledHost()
    let path = try host.export()
    #expect(throws: HostError.notFresh(what: "attachments")) { _ = try importing(path, into: host.home) }
    try await host.expectEverything(in: host.folders)

    let other = TemporaryHome()
    _ = try await FilledHost.fresh(other, words: nil)
    #expect(throws: HostError.self) { _ = try importing(path, into: other) }
    do {
      _ = try importing(path, into: other)
    } catch HostError.exportOfOther(_, let there) {
      #expect(there == host.storage.address.checksummed)
    }
    try await FilledHost.expectNothing(in: other.folders)

    let served = TemporaryHome()
    let settings = try await FilledHost.fresh(served, words: host.words)
    let lock = try FileLock(tryFor: served.folders.serviceLock)
    #expect(throws: HostError.dataInUse(folder: served.folders.data.path)) {
      _ = try importing(path, into: served)
    }
    withExtendedLifetime(lock) {}

    // One agent is enough.
    let used = TemporaryHome()
    _ = try await FilledHost.fresh(used, words: host.words)
    let services = try await HostServices.open(
      folders: used.folders, settings: HostSettings.load(folders: used.folders), logger: .quiet)
    let master = services.master
    _ = try await services.agents.create(name: "Bob") { try master.agentKey($0).address }
    await services.shutdown()
    #expect(throws: HostError.notFresh(what: "agents")) { _ = try importing(path, into: used) }
    _ = settings
  }

  @Test("numbers that only rise go on from the higher one, and keys that were shut stay shut")
  func numbers() async throws {
    let host = try await FilledHost()
    let path = try host.export()
    for oldKeys in [OldAccessKeys.keep, .shut] {
      let home = TemporaryHome()
      let settings = try await FilledHost.fresh(home, words: host.words, oldKeys: oldKeys)
      _ = try importing(path, into: home)
      let services = try await HostServices.open(folders: home.folders, settings: settings, logger: .quiet)
      let keys = try await services.keys.list()
      #expect(keys.map { $0.revokedAt != nil } == [oldKeys == .shut])
      let master = services.master
      let agent = try await services.agents.create(name: "Bob") { try master.agentKey($0).address }
      // The host that was exported may have given the next index by itself.
      let index = try #require(agent.keyIndex?.rawValue)
      #expect(index > 1000, "\(index)")
      await services.shutdown()
    }
  }

  @Test("a crash between any two changes leaves the host as it was, or with everything")
  func crashes() async throws {
    let host = try await FilledHost()
    let path = try host.export()
    let home = TemporaryHome()
    _ = try await FilledHost.fresh(home, words: host.words)
    // What a crash would leave is what is there: it is copied at every place.
    let copies = TemporaryHome()
    let (from, target) = (home.path, copies.path)
    let steps = Mutex<[StorageImport.Step]>([])
    _ = try importing(path, into: home) { step in
      let number = steps.withLock { steps in
        steps.append(step)
        return steps.count - 1
      }
      try FileManager.default.copyItem(atPath: from, toPath: "\(target)/\(number)")
    }
    let reached = steps.withLock { $0 }
    #expect(reached.count > 8 && Set(reached).count == 6)
    for (number, step) in reached.enumerated() {
      let folders = HostFolders(home: URL(filePath: "\(target)/\(number)"))
      if [.committed, .moved].contains(step) {
        try await host.expectEverything(in: folders)
      } else {
        try await FilledHost.expectNothing(in: folders)
        // And the import can be done again.
        _ = try StorageImport(folders: folders).run(
          path, settings: HostSettings.load(folders: folders), passphrase: nil)
        try await host.expectEverything(in: folders)
      }
    }
    // A move that was interrupted is interrupted once more.
    let first = try #require(reached.firstIndex(of: .committed))
    let folders = HostFolders(home: URL(filePath: "\(target)/\(first)-again"))
    try FileManager.default.copyItem(atPath: from, toPath: folders.data.deletingLastPathComponent().path)
    try await host.expectEverything(in: folders)
  }

  @Test("an error between any two changes before it counts leaves nothing")
  func errors() async throws {
    struct Interrupted: Error {}
    let host = try await FilledHost()
    let path = try host.export()
    let home = TemporaryHome()
    _ = try await FilledHost.fresh(home, words: host.words)
    for step in [StorageImport.Step.received, .built, .carried, .synchronized] {
      #expect(throws: Interrupted.self) {
        _ = try importing(path, into: home) { if $0 == step { throw Interrupted() } }
      }
      #expect(!FileManager.default.fileExists(atPath: home.folders.data.path + "/" + ImportSwitch.building))
      try await FilledHost.expectNothing(in: home.folders)
    }
  }

  @Test("an export while others write is one view of every database, with every attachment of that view")
  func concurrent() async throws {
    let host = try await FilledHost()
    let services = try await HostServices.open(folders: host.folders, settings: host.settings, logger: .quiet)
    let chats = services.chats
    let storage = host.storage
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for number in 0... {
          try Task.checkCancellation()
          let id = UUID()
          let content = Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* (number &+ 3)) })
          _ = try await chats.openSession(
            id, agentID: nil, openedBy: .owner, title: "\(number)", model: nil, source: .chat,
            saying: { _ in
              [
                NewTurn(
                  role: "user", content: "number \(number)",
                  attachments: [
                    NewAttachment(
                      position: 1, kind: "file", mediaType: nil, part: "{}", encoding: .base64,
                      content: content)
                  ])
              ]
            })
          // What was exported a moment ago is forgotten, its attachment with it.
          if number % 3 != 0 { try await chats.delete(id) }
        }
      }
      for number in 0..<6 {
        let path = host.home.path + "/out-\(number)"
        _ = try StorageExport(storage).run(to: path, form: .folder, passphrase: nil)
        let found = try StorageImport.check(path, passphrase: nil, in: URL(filePath: host.home.path))
        #expect(found.databases == Self.count)
      }
      group.cancelAll()
      do { try await group.waitForAll() } catch is CancellationError {}
    }
    await services.shutdown()
  }

  @Test("a newer export, and one whose database is of another schema, are refused")
  func newer() async throws {
    let host = try await FilledHost()
    let path = try host.export()
    let home = TemporaryHome()
    _ = try await FilledHost.fresh(home, words: host.words)
    let url = URL(filePath: path + "/manifest.json")
    let text = try String(contentsOf: url, encoding: .utf8)
    try text.replacing("\"version\" : 1", with: "\"version\" : 2").write(
      to: url, atomically: false, encoding: .utf8)
    #expect(throws: ExportFault.newerFormat(2)) { _ = try importing(path, into: home) }

    try text.write(to: url, atomically: false, encoding: .utf8)

    // Whoever can write into a plain export can make its list fit, too.
    for (name, change) in [
      (DatabaseName.chatHistory, "INSERT INTO grdb_migrations VALUES ('99 the future')"),
      (.host, "CREATE TRIGGER more AFTER INSERT ON agents BEGIN DELETE FROM whitelist; END"),
      (.memory, "ALTER TABLE memories ADD COLUMN more TEXT"),
      (.chatHistory, "UPDATE turns SET content = 'something else' WHERE position = 1"),
      (.chatHistory, "DELETE FROM attachments"),
      (.chatHistory, "UPDATE attachments SET blob = replace(blob, 'a', 'b')"),
    ] {
      let copy = host.home.path + "/" + UUID().uuidString
      try FileManager.default.copyItem(atPath: path, toPath: copy)
      try Self.bend(copy, name, change)
      let isNewer = change.contains("future")
      #expect("\(name.rawValue): \(change)") {
        _ = try importing(copy, into: home)
      } throws: { error in
        isNewer
          ? error as? StorageError == .newerSchema(database: name.rawValue)
          : (error as? ExportFault).map { if case .inconsistent = $0 { true } else { false } } ?? false
      }
    }
    try await FilledHost.expectNothing(in: home.folders)
  }

  @Test("nothing takes its place while another command has open what is stored")
  func othersAtWork() async throws {
    let host = try await FilledHost()
    let path = try host.export()
    let home = TemporaryHome()
    _ = try await FilledHost.fresh(home, words: host.words)
    let other = try DataUse.shared(home.folders)
    #expect(throws: HostError.othersAtWork) { _ = try importing(path, into: home) }
    other.end()
    try await FilledHost.expectNothing(in: home.folders)
    _ = try importing(path, into: home)
    try await host.expectEverything(in: home.folders)
  }

  @Test("a full-text index that does not fit its rows is made anew from them")
  func indexes() async throws {
    let host = try await FilledHost()
    let path = try host.export()
    let home = TemporaryHome()
    _ = try await FilledHost.fresh(home, words: host.words)
    try Self.bend(path, .chatHistory, "INSERT INTO turns_text (turns_text) VALUES ('delete-all')")
    try Self.bend(path, .memory, "INSERT INTO memories_text (memories_text) VALUES ('delete-all')")
    _ = try importing(path, into: home)
    try await host.expectEverything(in: home.folders)
  }

  /// Changes a database of a plain export, and makes the list fit.
  private static func bend(_ path: String, _ name: DatabaseName, _ change: String) throws {
    let file = URL(filePath: "\(path)/databases/\(name.rawValue)")
    let list = URL(filePath: path + "/manifest.json")
    let manifest = try ExportManifest(parsing: Data(contentsOf: list))
    let queue = try DatabaseQueue(path: file.path)
    try queue.write { try $0.execute(sql: change) }
    let databases = try manifest.databases.map { listed in
      guard listed.name == name.rawValue else { return listed }
      let rows = try queue.read { database in
        try Dictionary(
          uniqueKeysWithValues: listed.rows.keys.map { table in
            (table, try Int.fetchOne(database, sql: "SELECT count(*) FROM \"\(table)\"") ?? 0)
          })
      }
      let bytes = try Data(contentsOf: file)
      return ExportManifest.Database(
        name: name, bytes: bytes.count, sha256: Checksum.of(bytes), migrations: listed.migrations, rows: rows)
    }
    try queue.close()
    let changed = ExportManifest(
      host: manifest.host, address: manifest.address, made: manifest.made, readme: manifest.readme,
      databases: databases, attachments: manifest.attachments)
    let encoded = try changed.encoded()
    try encoded.write(to: list)
    try changed.sums(encoded).write(to: URL(filePath: path + "/SHA256SUMS"))
  }
}
