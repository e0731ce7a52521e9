import Foundation
import GRDB
import Keyring
import Testing

@testable import Storage

@Suite("The list of databases")
struct DatabaseNameTests {
  private let host: TemporaryHost
  private static let agent = UUID(uuidString: "6F183DDF-7D1B-4A2B-8F6E-A3F1E0364D3F")!
  private static let plugin = PluginID(rawValue: "com.example.weather")!

  init() throws { host = try TemporaryHost() }

  @Test("each has one path, which says which it is")
  func paths() {
    let paths = [
      "host/host.sqlite", "chat/history.sqlite", "memory/memory.sqlite", "methods/methods.sqlite",
      "tools/index.sqlite",
      "agents/6F183DDF-7D1B-4A2B-8F6E-A3F1E0364D3F/db.sqlite", "plugins/com.example.weather/data.sqlite",
    ]
    let names = DatabaseName.single + [.agent(Self.agent), .plugin(Self.plugin)]
    #expect(names.map(\.rawValue) == paths)
    #expect(paths.map(DatabaseName.init(rawValue:)) == names)
  }

  @Test(
    "nothing else is the path of a database",
    arguments: [
      "", "host", "host.sqlite", "history.sqlite", "/host/host.sqlite", "host/host.sqlite/",
      "host//host.sqlite",
      "HOST/host.sqlite", "agents/6f183ddf-7d1b-4a2b-8f6e-a3f1e0364d3f/db.sqlite", "agents//db.sqlite",
      "agents/../db.sqlite", "agents/x/db.sqlite", "plugins/../data.sqlite", "plugins/./data.sqlite",
      "plugins//data.sqlite", "plugins/a b/data.sqlite", "plugins/a/b/data.sqlite",
      "plugins/a\u{0}/data.sqlite",
      "plugins/.hidden/data.sqlite", "plugins/-f/data.sqlite", "plugins/ä/data.sqlite",
      "plugins/a/data.sqlite-wal", "../host/host.sqlite",
    ])
  func refusedPaths(path: String) { #expect(DatabaseName(rawValue: path) == nil) }

  @Test("a plugin's name has 1 to 100 plain characters")
  func plugins() {
    let longest = String(repeating: "a", count: 100)
    for good in ["a", "0", "com.example.a-b_c", "A..b", longest] {
      #expect(PluginID(rawValue: good)?.rawValue == good)
    }
    for bad in ["", ".", "..", "_a", longest + "a", "a/b", "a\\b", "a\nb", "é"] {
      #expect(PluginID(rawValue: bad) == nil)
    }
  }

  @Test("those that are there are found by their whole paths, and nothing else is taken for one")
  func existing() throws {
    #expect(try DatabaseName.existing(in: host.folders).isEmpty)
    let other = UUID()
    let plugin = PluginID(rawValue: "b")!
    let names: [DatabaseName] = [
      .chatHistory, .agent(Self.agent), .agent(other), .plugin(Self.plugin), .plugin(plugin),
    ]
    let key = DataKey.generate()
    for name in names { try host.withDatabase(key, name) { _ in } }
    for path in [
      "agents/x/db.sqlite", "plugins/.x/data.sqlite", "agents/\(UUID())/other.sqlite", "plugins/c/x",
    ] {
      let file = host.folders.data.appending(path: path)
      try PrivateFile.makeFolder(file.deletingLastPathComponent())
      try Data("x".utf8).write(to: file)
    }
    #expect(try DatabaseName.existing(in: host.folders) == names.sorted())
    // What is left of one is a sign of it.
    let log = DatabaseName.memory.files(in: host.folders)[1]
    try PrivateFile.makeFolder(log.deletingLastPathComponent())
    try Data("x".utf8).write(to: log)
    #expect(try DatabaseName.existing(in: host.folders) == (names + [.memory]).sorted())
  }

  @Test("every one opens under a key of its own, which is no other's")
  func ownKeys() throws {
    let key = DataKey.generate()
    let names = DatabaseName.single + [.agent(Self.agent), .plugin(Self.plugin)]
    for name in names {
      try host.withDatabase(key, name) { pool in
        try pool.write {
          try $0.execute(sql: "INSERT INTO said (what) VALUES (?)", arguments: [name.rawValue])
        }
      }
    }
    let (first, second) = (DatabaseName.agent(Self.agent), DatabaseName.plugin(Self.plugin))
    try PrivateFile.replace(
      first.file(in: host.folders), with: Array(Data(contentsOf: second.file(in: host.folders))))
    #expect(throws: StorageError.wrongKey(database: first.rawValue)) { _ = try host.open(key, first) }
    for name in names where name != first {
      try host.withDatabase(key, name) { pool in
        let said = try pool.read { try String.fetchOne($0, sql: "SELECT what FROM said") }
        #expect(said == name.rawValue)
      }
    }
  }

  @Test("no empty database is made in the place of one whose log is left")
  func lostFile() async throws {
    let home = host.folders.data.deletingLastPathComponent().path
    await #expect(processExitsWith: .signal(SIGKILL)) { [home = home as String] in
      let pool = try TemporaryHost.open(TemporaryHost.key(1), in: HostFolders(home: URL(filePath: home)))
      try pool.write { try $0.execute(sql: "INSERT INTO said (what) VALUES ('left in the log')") }
      kill(getpid(), SIGKILL)
    }
    let file = try Data(contentsOf: host.file())
    try FileManager.default.removeItem(at: host.file())
    let before = try host.files()
    let expected = StorageError.fileMissing(
      database: "chat/history.sqlite", left: "its log, chat/history.sqlite-wal,")
    for _ in 0..<2 {
      #expect(throws: expected) { _ = try host.open(TemporaryHost.key(1)) }
      #expect(throws: expected) {
        _ = try EncryptedDatabase.check(
          .chatHistory, in: host.folders, key: TemporaryHost.key(1), migrator: TemporaryHost.migrator)
      }
      #expect(try host.files() == before)
    }
    try PrivateFile.replace(host.file(), with: [UInt8](file))
    #expect(try host.lines(TemporaryHost.key(1)) == ["left in the log"])
  }

  @Test(
    "what is wrong with a database has one of five names",
    arguments: [
      (StorageError.busy(database: "d"), StorageFault.locked, StorageFault.locked),
      (.damaged(database: "d", reason: "r"), .corrupt, .corrupt),
      (.wrongKey(database: "d"), .wrongKey, .corrupt),
      (.newerSchema(database: "d"), .migration, .migration),
      (.migration(database: "d", reason: "r"), .migration, .migration),
      (.fileMissing(database: "d", left: "l"), .corrupt, .corrupt), (.notEncrypting, .unknown, .unknown),
      (.file(.locked), .unknown, .unknown),
    ])
  func faults(error: StorageError, alone: StorageFault, withProvenKey: StorageFault) {
    #expect(error.fault == alone)
    #expect(error.withProvenKey.fault == withProvenKey)
  }

  @Test("one that another process keeps for itself is told as that, and opens when it is let go of")
  func locked() throws {
    let key = DataKey.generate()
    try host.say("hello", key)
    let holder = try FileHandle(forUpdating: host.file())
    // SQLite's lock for those who change the file as a whole: every other connection waits and gives up.
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    lock.l_start = 0x4000_0000
    lock.l_len = 512
    // F_OFD_SETLK: a lock of this descriptor, so that it also keeps out the process that holds it.
    #expect(fcntl(holder.fileDescriptor, 37, &lock) == 0)
    #expect(throws: StorageError.busy(database: "chat/history.sqlite")) { _ = try host.open(key) }
    try holder.close()
    #expect(try host.lines(key) == ["hello"])
  }
}
