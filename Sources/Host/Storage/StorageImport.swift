public import Foundation
import GRDB
import Identity
public import Keyring
public import SecretMemory
import Storage
import Stores

/// Takes an export into a host that was made, or recovered, and holds nothing yet. Nothing that exists is ever overwritten.
public struct StorageImport: Sendable {
  /// What was found, and imported if it was to be.
  public struct Summary: Encodable, Hashable, Sendable {
    public let path: String
    /// `folder`, `archive` or `sealed`.
    public let form: String
    /// When it was exported, by which version, and whose host it was.
    public let made: Date
    public let host: String
    public let address: String
    public let databases: Int
    public let rows: Int
    public let attachments: Int
    public let bytes: Int
    public let imported: Bool

    init(_ path: String, _ stage: ImportStage, imported: Bool) throws {
      self.path = path
      form = "\(try ExportSource.form(of: path))"
      made = stage.manifest.made
      host = stage.manifest.host
      address = stage.manifest.address
      databases = stage.manifest.databases.count
      rows = stage.manifest.databases.reduce(0) { $0 + $1.rows.values.reduce(0, +) }
      attachments = stage.manifest.attachments.count
      bytes = stage.bytes
      self.imported = imported
    }
  }

  /// The places between two changes.
  enum Step: Hashable, Sendable {
    case received, built, carried, synchronized, committed, moved
  }

  private let folders: HostFolders
  /// Tests look at what is there at these places.
  private let reached: @Sendable (Step) throws -> Void

  public init(folders: HostFolders) { self.init(folders: folders) { _ in } }

  init(folders: HostFolders, reached: @escaping @Sendable (Step) throws -> Void) {
    self.folders = folders
    self.reached = reached
  }

  /// Reads an export as an import would, for whomever it is, and changes nothing. No host is needed.
  /// - Throws: as ``run(_:settings:passphrase:progress:)``.
  public static func check(
    _ path: String, passphrase: borrowing SecretBytes?, in folder: URL,
    progress: (StorageVerification.Progress) throws -> Void = { _ in }
  ) throws -> Summary {
    removeLeftovers(in: folder)
    let place = folder.appending(path: "\(checkPrefix)\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: place) }
    let stage = try ImportStage(
      receiving: ExportSource(path, passphrase: passphrase), into: place, key: .generate(), progress: progress
    )
    try stage.build(for: nil, progress: progress)
    return try Summary(path, stage, imported: false)
  }

  private static let checkPrefix = "osaurus-check-"

  /// Takes away what checks left that were killed. Nobody can open it any more.
  private static func removeLeftovers(in folder: URL) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    where name.hasPrefix(checkPrefix) {
      let path = folder.appending(path: name).path
      let changed = try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
      if let changed, changed.timeIntervalSinceNow < -24 * 3600 {
        try? FileManager.default.removeItem(atPath: path)
      }
    }
  }

  /// Makes sure that the host may take an import: no service runs, and it holds nothing.
  /// - Throws: ``HostError/dataInUse(folder:)``, ``HostError/notFresh(what:)``, or what `HostStorage` throws.
  public func requireFresh(_ settings: HostSettings) throws {
    let storage = try HostStorage(folders: folders, settings: settings)
    let service = try serviceLock()
    defer { withExtendedLifetime(service) {} }
    _ = try DiskRoom.explained(in: folders.data) { try fresh(storage) }
  }

  /// Imports.
  ///
  /// - Parameters:
  ///   - passphrase: what it is sealed to; nil for a plain one.
  ///   - progress: told what comes next.
  /// - Throws: ``HostError/dataInUse(folder:)``, ``HostError/notFresh(what:)``, ``HostError/importRunning``,
  ///   ``HostError/othersAtWork``, ``HostError/exportOfOther(here:there:)``, `ExportFault`, `AgeFault`, `StorageError`, or `CancellationError`. The host
  ///   is as it was then.
  public func run(
    _ path: String, settings: HostSettings, passphrase: borrowing SecretBytes?,
    progress: (StorageVerification.Progress) throws -> Void = { _ in }
  ) throws -> Summary {
    let change = ImportSwitch(folders: folders)
    let storage = try HostStorage(folders: folders, settings: settings)
    let service = try serviceLock()
    defer { withExtendedLifetime(service) {} }
    guard let lock = try FileLock(tryFor: change.lockFile) else { throw HostError.importRunning }
    defer { withExtendedLifetime(lock) {} }
    _ = try DiskRoom.explained(in: folders.data) { try fresh(storage) }
    let master = try HostKeyStore.keys(of: settings, folders: folders).0

    let stage: ImportStage
    do {
      stage = try ImportStage(
        receiving: ExportSource(path, passphrase: passphrase), into: change.buildingFolder, key: storage.key,
        progress: progress)
      try reached(.received)
      try stage.build(for: master, progress: progress)
      try reached(.built)
      // Meanwhile somebody may have made something; nobody does from here on.
      try storage.use.takeAlone()
      try stage.carry(try fresh(storage), of: master.address)
      try reached(.carried)
      try stage.synchronize()
      try reached(.synchronized)
      try Task.checkCancellation()
      try change.commit()
    } catch {
      let reason = DiskRoom.explaining(error, in: folders.data)
      try? FileManager.default.removeItem(at: change.buildingFolder)
      throw reason
    }
    try reached(.committed)
    try change.carryOut { try reached(.moved) }
    return try Summary(path, stage, imported: true)
  }

  private func serviceLock() throws -> FileLock {
    guard let lock = try FileLock(tryFor: folders.serviceLock) else {
      throw HostError.dataInUse(folder: folders.data.path)
    }
    return lock
  }

  /// What the host must not forget, once it is certain that it holds nothing else.
  private func fresh(_ storage: HostStorage) throws -> EarlierHost {
    let stored = try StoredFiles.find(in: folders)
    guard stored.blobs.isEmpty else { throw HostError.notFresh(what: "attachments") }
    for name in stored.databases where !HostDatabases.kept.contains(name) {
      throw HostError.notFresh(what: name.rawValue)
    }
    func holding(_ name: DatabaseName, _ tables: [(name: String, word: String)]) throws -> String? {
      guard stored.databases.contains(name) else { return nil }
      return try EncryptedDatabase.read(name, in: folders, key: storage.key) { database in
        for table in tables
        where try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM \(table.name))") == true {
          return table.word
        }
        return nil
      }
    }
    let parts: [(DatabaseName, [(name: String, word: String)])] = [
      (.chatHistory, [("sessions", "conversations")]),
      (
        .memory,
        [("memories", "what agents remember"), ("pending_signals", "what agents are to learn from")]
      ),
      (.methods, [("methods", "what agents learned to do")]),
    ]
    for (name, tables) in parts {
      if let what = try holding(name, tables) { throw HostError.notFresh(what: what) }
    }
    let (what, own) = try EncryptedDatabase.read(.host, in: folders, key: storage.key) { database in
      (try EarlierHost.holding(database), try EarlierHost(database))
    }
    if let what { throw HostError.notFresh(what: what) }
    return own
  }
}
