import Foundation
import GRDB
import Identity
import Keyring
import Storage
import Stores

/// An export while it is taken in: a host's data folder of its own, in which everything is built under the key that it is to
/// have, and looked at, before anything takes its place.
struct ImportStage {
  let manifest: ExportManifest
  /// Where it is built: `data` in it is laid out as a data folder is.
  let folders: HostFolders
  let bytes: Int

  private let key: DataKey
  private let databases: [DatabaseName: DatabaseImport]
  /// The names of attachments under the new key, by those that the export gives them.
  private let blobs: [BlobName: BlobName]

  /// Reads all of an export, and compares every file with the list.
  /// - Parameters:
  ///   - home: a folder that is not there yet.
  ///   - progress: told what comes next, how much is done, and of how much.
  /// - Throws: `ExportFault`, `AgeFault`, `StorageError`, or `CancellationError`.
  init(
    receiving source: ExportSource, into home: URL, key: DataKey,
    progress: (StorageVerification.Progress) throws -> Void
  ) throws {
    self.key = key
    folders = HostFolders(home: home)
    try PrivateFile.makeFolder(home)
    try PrivateFile.makeFolder(folders.data)
    let scratch = home.appending(path: "scratch")
    try PrivateFile.makeFolder(scratch)
    var (manifest, left, size) = try ExportManifest.read(from: source)
    self.manifest = manifest
    var received: [DatabaseName: DatabaseImport] = [:]
    var names: [BlobName: BlobName] = [:]
    let listed = Dictionary(uniqueKeysWithValues: manifest.databases.map { ($0.file.path, $0.name) })
    let attachments = Dictionary(grouping: manifest.attachments, by: \.file.path)
    let all = left.count + manifest.databases.count
    var done = 0
    while let entry = try source.next() {
      guard let file = left.removeValue(forKey: entry.path) else { throw ExportFault.surplus(entry.path) }
      guard entry.bytes == file.bytes else { throw ExportFault.altered(file.path) }
      try progress(.init(part: file.path, done: done, all: all))
      done += 1
      size += file.bytes
      if let name = listed[file.path].flatMap(DatabaseName.init(rawValue:)) {
        let incoming = try DatabaseImport(scratch: scratch.appending(path: "\(done)"))
        try Self.pieces(of: file, in: source) { try incoming.append($0) }
        received[name] = incoming
      } else if let known = attachments[file.path] {
        let name = try Self.store(file, from: source, in: BlobStore(folders: folders, key: key))
        for attachment in known {
          if let old = BlobName(rawValue: attachment.blob) { names[old] = name }
        }
      } else {
        try Self.pieces(of: file, in: source) { _ in }
      }
    }
    if let missing = left.keys.min() { throw ExportFault.lacks(missing) }
    bytes = size
    databases = received
    blobs = names
  }

  /// Reads a file to its end.
  /// - Throws: `ExportFault.altered` where it is not what the list says; `body` has seen all of it then.
  private static func pieces(
    of file: ExportManifest.File, in source: ExportSource, _ body: (Data) throws -> Void
  ) throws {
    var checksum = Checksum()
    var count = 0
    while true {
      try Task.checkCancellation()
      let piece = try source.read(65_536)
      if piece.isEmpty { break }
      count += piece.count
      guard count <= file.bytes else { throw ExportFault.altered(file.path) }
      checksum.update(piece)
      try body(piece)
    }
    guard count == file.bytes, checksum.finish() == file.sha256 else { throw ExportFault.altered(file.path) }
  }

  /// Seals an attachment under the new key.
  private static func store(
    _ file: ExportManifest.File, from source: ExportSource, in store: BlobStore
  ) throws -> BlobName {
    var checksum = Checksum()
    var count = 0
    var failure: (any Error)?
    let staged = try store.stage { () throws(StorageError) in
      do {
        try Task.checkCancellation()
        let piece = try source.read(65_536)
        count += piece.count
        checksum.update(piece)
        return piece.isEmpty ? nil : piece
      } catch {
        failure = error
        return nil
      }
    }
    if let failure { throw failure }
    guard count == file.bytes, checksum.finish() == file.sha256 else { throw ExportFault.altered(file.path) }
    try store.place(staged)
    return staged.name
  }

  /// Makes the databases, brings them to the schema of this version, and looks at all that is in them.
  ///
  /// - Parameter master: whose host it is to be; nil to take it for whomever it is.
  /// - Throws: `ExportFault`, `StorageError`, or ``HostError/exportOfOther(here:there:)``.
  func build(for master: MasterKey?, progress: (StorageVerification.Progress) throws -> Void) throws {
    // With the checksums, which are not in the list.
    let all = manifest.files.count + 1 + manifest.databases.count
    for (number, listed) in manifest.databases.enumerated() {
      guard let name = DatabaseName(rawValue: listed.name), let incoming = databases[name] else { continue }
      try progress(
        .init(part: listed.name, done: all - manifest.databases.count + number, all: all))
      guard try incoming.build(name, in: folders, key: key) == listed.rows else {
        throw ExportFault.inconsistent(
          listed.file.path, reason: "its tables do not have the rows that were exported")
      }
      try look(at: name)
      if !FullTextIndex.all(in: name).isEmpty { try withPool(name) { try Self.mendIndexes(of: name, $0) } }
      switch name {
      case .chatHistory: try finishHistory()
      case .host: try requireIdentity(master)
      case .memory, .methods, .toolIndex, .agent, .plugin: break
      }
    }
    guard databases[.host] != nil else { throw ExportFault.lacks("databases/\(DatabaseName.host.rawValue)") }
    guard blobs.isEmpty || databases[.chatHistory] != nil else {
      throw ExportFault.lacks("databases/\(DatabaseName.chatHistory.rawValue)")
    }
    try FileManager.default.removeItem(
      at: folders.data.deletingLastPathComponent().appending(path: "scratch"))
  }

  /// Looks at a database as it came, before a migration touches it.
  private func look(at name: DatabaseName) throws {
    let migrator = HostDatabases.migrator(of: name)
    let problems = try EncryptedDatabase.read(name, in: folders, key: key) { database -> [String] in
      let indexes = FullTextIndex.all(in: name)
      let problems = try DatabaseIntegrity.problems(database).filter { text in
        !indexes.contains { $0.isMeant(by: text) }
      }
      guard let migrator, problems.isEmpty else { return problems }
      if try migrator.hasBeenSuperseded(database) { throw StorageError.newerSchema(database: name.rawValue) }
      return try SchemaLikeness.fits(database, migrator)
        ? [] : ["its tables and triggers are not those of osaurus-host"]
    }
    try Self.require(name, problems)
  }

  /// A full-text index says nothing that the rows do not: one that does not fit them is made anew.
  private static func mendIndexes(of name: DatabaseName, _ database: Database) throws {
    for index in FullTextIndex.all(in: name) where try !index.fits(database) { try index.rebuild(database) }
  }

  /// Every turn with its hash, every attachment that is referred to, and no other; then their new names.
  private func finishHistory() throws {
    let name = DatabaseName.chatHistory
    try withPool(name) { database in
      let before = try ChatIntegrity(checking: database)
      try Self.require(name, before.problems)
      if let missing = before.blobs.subtracting(blobs.keys).first {
        throw ExportFault.inconsistent(
          "databases/\(name.rawValue)",
          reason: "it refers to the attachment \(missing.rawValue), which is not in the list")
      }
      guard Set(blobs.keys).isSubset(of: before.blobs) else {
        throw ExportFault.inconsistent("blobs", reason: "one of them belongs to nothing that was said")
      }
      try ChatBlobNames.exchange(blobs, in: database)
      let after = try ChatIntegrity(checking: database)
      try Self.require(name, after.problems)
      guard try after.blobs == Set(BlobStore(folders: folders, key: key).names()) else {
        throw ExportFault.inconsistent("blobs", reason: "they are not those that were said")
      }
    }
  }

  private func requireIdentity(_ master: MasterKey?) throws {
    guard let master else { return }
    try withPool(.host) { database in
      let facts = try IdentityFacts(database)
      // A database from before databases said whose they are is told by its agents.
      let isOwn =
        facts.master.map { $0 == master.address } ?? facts.health(under: master).driftedAgents.isEmpty
      guard isOwn else {
        throw HostError.exportOfOther(
          here: master.address, there: facts.master?.checksummed ?? manifest.address)
      }
    }
  }

  /// Carries into the database of the earlier host what this one must not forget.
  func carry(_ own: EarlierHost, of master: Address) throws {
    try withPool(.host) { try own.carry(into: $0, of: master) }
  }

  /// Makes all of it outlive a power cut.
  func synchronize() throws {
    let root = folders.data.deletingLastPathComponent().path
    for path in try FileManager.default.subpathsOfDirectory(atPath: root) + [""] {
      let descriptor = open("\(root)/\(path)", O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else {
        throw ExportFault.file(path: path, reason: String(cString: strerror(errno)))
      }
      defer { close(descriptor) }
      guard fsync(descriptor) == 0 else {
        throw ExportFault.file(path: path, reason: String(cString: strerror(errno)))
      }
    }
  }

  /// Opens a database as it is to be, for one transaction.
  private func withPool(_ name: DatabaseName, _ body: (Database) throws -> Void) throws {
    let migrator = HostDatabases.migrator(of: name) ?? DatabaseMigrator()
    let pool = try EncryptedDatabase.open(name, in: folders, key: key, migrator: migrator)
    defer { EncryptedDatabase.close(pool) }
    try pool.write(body)
  }

  private static func require(_ name: DatabaseName, _ problems: [String]) throws {
    if let problem = problems.first {
      throw ExportFault.inconsistent("databases/\(name.rawValue)", reason: problem)
    }
  }
}
