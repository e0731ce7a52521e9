import GRDB
import Keyring
import Storage
import Stores

/// The databases of a host, each under a key of its own.
///
/// Without `host.sqlite` nobody could be told from anybody else, so it has to open. Any other that does not is
/// left as it is, and told; the host runs without it.
struct HostDatabases: Sendable {
  let host: StoreDatabase
  let chatHistory: StoreDatabase
  let memory: StoreDatabase
  let methods: StoreDatabase
  let toolIndex: StoreDatabase
  /// The attachments of conversations.
  let blobs: BlobStore
  /// Those of agents and plugins.
  let cabinet: DatabaseCabinet
  /// What holds back those who use any of these, while they are exchanged.
  let gate: AccessGate
  let degraded: [DegradedDatabase]

  /// All that are open as long as the host is.
  var all: [(DatabaseName, StoreDatabase)] {
    [
      (.host, host), (.chatHistory, chatHistory), (.memory, memory), (.methods, methods),
      (.toolIndex, toolIndex),
    ]
  }

  /// Those of them that opened.
  var open: [(name: DatabaseName, database: StoreDatabase)] {
    all.filter { (try? $0.1.check()) != nil }.map { ($0.0, $0.1) }
  }

  /// The databases that every host of this version has.
  static let kept = DatabaseName.single

  /// Opens them, and makes what is not there yet. An import that was interrupted is done, or undone, first.
  /// - Throws: ``StorageError`` where `host.sqlite` does not open.
  static func open(in folders: HostFolders, key: DataKey) throws(StorageError) -> HostDatabases {
    do {
      try ImportSwitch(folders: folders).finish()
    } catch {
      throw error as? StorageError ?? (error as? KeyringError).map(StorageError.file)
        ?? .database(name: ImportSwitch.built, reason: String(describing: error))
    }
    let host: DatabasePool
    do {
      host = try EncryptedDatabase.open(.host, in: folders, key: key, migrator: HostSchema.migrator)
    } catch {
      throw try explained(error, in: folders, key: key)
    }
    let gate = AccessGate()
    let others = [DatabaseName.chatHistory, .memory, .methods, .toolIndex].map { name in
      (name, StoreDatabase(opened(name, in: folders, key: key), gate: gate))
    }
    return HostDatabases(
      host: StoreDatabase(host, gate: gate), chatHistory: others[0].1, memory: others[1].1,
      methods: others[2].1, toolIndex: others[3].1, blobs: BlobStore(folders: folders, key: key),
      cabinet: DatabaseCabinet(folders: folders, key: key, gate: gate), gate: gate,
      degraded: others.compactMap { name, database in
        if case .failure(let error) = database.result { DegradedDatabase(name, error) } else { nil }
      })
  }

  /// A database, or why it does not open, now that `host.sqlite` has proven the key.
  private static func opened(
    _ name: DatabaseName, in folders: HostFolders, key: DataKey
  ) -> Result<DatabasePool, StorageError> {
    Result { () throws(StorageError) in
      try checkBelongings(of: name, in: folders)
      return try EncryptedDatabase.open(name, in: folders, key: key, migrator: migrator(of: name))
    }.mapError { $0.withProvenKey }
  }

  /// Makes sure that no empty history takes the place of one that is lost: it would let its attachments go.
  private static func checkBelongings(
    of name: DatabaseName, in folders: HostFolders
  ) throws(StorageError) {
    guard name == .chatHistory, !name.hasContent(in: folders) else { return }
    guard try StoredFiles.find(in: folders).blobs.isEmpty else {
      throw .fileMissing(database: name.rawValue, left: "chat/blobs, with its attachments,")
    }
  }

  /// What brings a database to the schema of this version; nil where the schema is its user's.
  static func migrator(of name: DatabaseName) -> DatabaseMigrator? {
    switch name {
    case .host: HostSchema.migrator
    case .chatHistory: ChatSchema.migrator
    case .memory: MemorySchema.migrator
    case .methods: MethodSchema.migrator
    case .toolIndex: ToolIndexSchema.migrator
    case .agent, .plugin: nil
    }
  }

  /// How each database is: those that this version keeps, and whatever else there is. Nothing is changed.
  static func conditions(
    in folders: HostFolders, key: DataKey
  ) throws(StorageError) -> [DatabaseName: Result<EncryptedDatabase.Condition, StorageError>] {
    var found: [DatabaseName: Result<EncryptedDatabase.Condition, StorageError>] = [:]
    for name in kept + (try DatabaseName.existing(in: folders)) where found[name] == nil {
      found[name] = Result { () throws(StorageError) in
        try checkBelongings(of: name, in: folders)
        return try EncryptedDatabase.check(name, in: folders, key: key, migrator: migrator(of: name))
      }
    }
    guard found.values.contains(where: { $0.isOpened }) else { return found }
    return found.mapValues { $0.mapError { $0.withProvenKey } }
  }

  /// How each database is, and that the key opens at least one of those that are there.
  /// - Throws: ``StorageError`` where it opens none: then it is the key that is wrong.
  static func check(
    in folders: HostFolders, key: DataKey
  ) throws(StorageError) -> (
    conditions: [DatabaseName: EncryptedDatabase.Condition], degraded: [DegradedDatabase]
  ) {
    let found = try conditions(in: folders, key: key)
    var failures: [(name: DatabaseName, error: StorageError)] = []
    var conditions: [DatabaseName: EncryptedDatabase.Condition] = [:]
    for (name, result) in found.sorted(by: { $0.key < $1.key }) {
      switch result {
      case .success(let condition): conditions[name] = condition
      case .failure(let error): failures.append((name, error))
      }
    }
    if let first = failures.first, !found.values.contains(where: { $0.isOpened }) { throw first.error }
    return (conditions, failures.map { DegradedDatabase($0.name, $0.error) })
  }

  /// What `error` says of `host.sqlite`, once it is known whether the key opens anything else.
  private static func explained(
    _ error: StorageError, in folders: HostFolders, key: DataKey
  ) throws(StorageError) -> StorageError {
    guard case .wrongKey = error else { return error }
    let others = try conditions(in: folders, key: key).filter { $0.key != .host }
    return others.values.contains { $0.isOpened } ? error.withProvenKey : error
  }

  /// - Throws: ``StorageError`` where one of them does not open.
  func requireAll() throws(StorageError) {
    for (_, database) in all { _ = try database.result.get() }
  }

  /// Opens the databases anew, under another key perhaps, in the place of those that were closed. Nobody may be at them.
  /// - Throws: ``StorageError`` where one does not open.
  func reopen(in folders: HostFolders, key: DataKey) throws(StorageError) {
    for (name, database) in all {
      guard let migrator = Self.migrator(of: name) else { continue }
      database.exchange(
        for: .success(try EncryptedDatabase.open(name, in: folders, key: key, migrator: migrator)))
    }
    blobs.exchange(for: key)
  }

  /// Lets every call fail for a reason.
  func shut(_ reason: StorageError) {
    for (_, database) in all { database.exchange(for: .failure(reason)) }
  }

  /// Makes full-text indexes anew from the rows that they are over.
  /// - Returns: those that are, of the ones asked for.
  func rebuild(_ names: Set<String>) async throws -> [String] {
    var rebuilt: [String] = []
    for (name, database) in open {
      for index in FullTextIndex.all(in: name) where names.contains(index.name) {
        try await database.write { try index.rebuild($0) }
        rebuilt.append(index.name)
      }
    }
    return rebuilt
  }

  /// Writes what is left in the logs into the databases and closes them.
  func close() {
    for (_, database) in all {
      if let pool = try? database.pool { EncryptedDatabase.close(pool) }
    }
  }
}

extension Result where Success == EncryptedDatabase.Condition, Failure == StorageError {
  /// Whether the key opened a database.
  fileprivate var isOpened: Bool {
    switch self {
    case .success(.missing), .failure: false
    // Its schema was read, so its key fits.
    case .success: true
    }
  }
}
