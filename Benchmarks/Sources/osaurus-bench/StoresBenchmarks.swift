import Foundation
import GRDB
import Keyring
import Storage
import Stores

#if canImport(Glibc)
  import Glibc
#endif

/// The stores in their databases: opening them, and adding to conversations.
enum StoresBenchmarks {
  static let all: [Benchmark] =
    [
      Benchmark("open-databases") { try await opening(into: &$0) },
      Benchmark("append-turns") { try await appending(into: &$0) },
    ] + SearchBenchmarks.all

  // MARK: Opening

  /// The databases that a host has one of.
  private static let schemas: [(DatabaseName, DatabaseMigrator)] = [
    (.host, HostSchema.migrator), (.chatHistory, ChatSchema.migrator), (.memory, MemorySchema.migrator),
    (.methods, MethodSchema.migrator), (.toolIndex, ToolIndexSchema.migrator),
  ]

  /// All databases of a host, closed and out of the system's cache before each time.
  private static func opening(into report: inout Report) async throws {
    let folder = try DataFolder()
    defer { folder.remove() }
    let folders = folder.folders
    let key = DataKey.generate()
    func open() throws -> [DatabasePool] {
      try schemas.map { try EncryptedDatabase.open($0, in: folders, key: key, migrator: $1) }
    }
    let pools = try open()
    let session = UUID()
    let chats = ChatStore(StoreDatabase(pools[1]), blobs: BlobStore(folders: folders, key: key))
    _ = try await chats.openSession(
      session, agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat)
    var words = Words()
    for _ in 0..<4 {
      try await chats.append(
        (0..<500).map { _ in NewTurn(role: "user", content: words.text(40)) }, to: session)
    }
    for pool in pools { EncryptedDatabase.close(pool) }
    var times: (warm: [Double], cold: [Double]) = ([], [])
    for _ in 0..<40 {
      for isCold in [false, true] {
        if isCold { for (name, _) in schemas { try dropFromCache(name.file(in: folders)) } }
        let start = ContinuousClock.now
        let pools = try open()
        let time = Stopwatch.milliseconds(since: start)
        if isCold { times.cold.append(time) } else { times.warm.append(time) }
        for pool in pools { EncryptedDatabase.close(pool) }
      }
    }
    let all = "all \(schemas.count) databases of a host opened"
    report.readings += [
      .init(
        name: "\(all), out of the system's cache", value: SideBySide.median(times.cold), unit: "ms",
        limit: 25),
      .init(
        name: "\(all), in the system's cache", value: SideBySide.median(times.warm), unit: "ms", limit: 25),
    ]
  }

  private static func dropFromCache(_ file: URL) throws {
    let descriptor = Glibc.open(file.path, O_RDONLY)
    guard descriptor >= 0 else { throw CocoaError(.fileReadUnknown) }
    defer { close(descriptor) }
    fdatasync(descriptor)
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
  }

  // MARK: Adding

  /// The same store on SQLCipher and on plain SQLite, with the same schema and settings.
  private static func appending(into report: inout Report) async throws {
    let folder = try DataFolder()
    defer { folder.remove() }
    let folders = folder.folders
    let key = DataKey.generate()
    let blobs = BlobStore(folders: folders, key: key)
    let sealedPool = try EncryptedDatabase.open(
      .chatHistory, in: folders, key: key, migrator: ChatSchema.migrator)
    let plainPool = try plain(folders.data.appending(path: "plain.sqlite"), ChatSchema.migrator)
    let stores = (
      ours: ChatStore(StoreDatabase(sealedPool), blobs: blobs),
      alternative: ChatStore(StoreDatabase(plainPool), blobs: blobs)
    )
    for (name, batch, rounds) in [
      ("one at a time", 1, 1500), ("two at a time", 2, 1000), ("100 at a time", 100, 60),
    ] {
      let session = UUID()
      for chats in [stores.ours, stores.alternative] {
        _ = try await chats.openSession(
          session, agentID: nil, openedBy: .owner, title: "bench", model: nil, source: .chat)
      }
      var words = Words()
      var times: (ours: [Double], alternative: [Double]) = ([], [])
      for round in 0..<rounds {
        let turns = (0..<batch).map { _ in NewTurn(role: "user", content: words.text(60)) }
        let ours = try await Stopwatch.milliseconds { try await stores.ours.append(turns, to: session) }
        let other = try await Stopwatch.milliseconds {
          try await stores.alternative.append(turns, to: session)
        }
        guard round >= rounds / 10 else { continue }
        times.ours.append(ours)
        times.alternative.append(other)
      }
      // All of the time counts, with what the log costs every thousand pages.
      func rate(_ times: [Double]) -> Double { Double(batch * times.count) / times.reduce(0, +) * 1000 }
      let (ours, other) = (rate(times.ours), rate(times.alternative))
      report.measurements.append(
        Measurement(
          name: "turns of 60 words added to a conversation, \(name)", ours: ours, alternative: other,
          alternativeName: "plain SQLite", unit: "turns a second", ratio: ours / other, direction: .atLeast,
          floor: 0.8))
    }
    EncryptedDatabase.close(sealedPool)
    EncryptedDatabase.close(plainPool)
  }

  /// A database without a key, and otherwise as ``EncryptedDatabase`` makes one.
  private static func plain(_ file: URL, _ migrator: DatabaseMigrator) throws -> DatabasePool {
    var configuration = Configuration()
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON")
      if !database.configuration.readonly {
        try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
      }
    }
    let pool = try DatabasePool(path: file.path, configuration: configuration)
    try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }
    try migrator.migrate(pool)
    return pool
  }
}

/// Text whose words are as common as a language's: the n-th of 50,000 about 1/n as often as the first.
struct Words {
  private var generator = FastRandom()

  mutating func text(_ count: Int) -> String {
    var text = ""
    for _ in 0..<count {
      let word = Int(exp(Double.random(in: 0..<1, using: &generator) * log(50_000.0)))
      text += "w\(word) "
    }
    return text
  }
}

/// SplitMix64: random enough for test data, and without a call of the system for each number.
struct FastRandom: RandomNumberGenerator {
  private var state = UInt64.random(in: .min ... .max)

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
