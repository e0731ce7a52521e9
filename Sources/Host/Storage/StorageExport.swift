public import Foundation
import Identity
import Keyring
public import SecretMemory
public import Storage
import Stores

/// Writes everything that a host stores to somewhere else: all databases and attachments, and no key.
///
/// The service may run. Of every database one view is taken, before anything is copied, and the sealed attachments that
/// the history of that view refers to are held by a second name. What is plain on the way lies in files that only this process
/// can read.
public struct StorageExport: Sendable {
  /// What was written.
  public struct Summary: Encodable, Hashable, Sendable {
    public let path: String
    /// `folder`, `archive` or `sealed`.
    public let form: String
    public let databases: Int
    public let rows: Int
    public let attachments: Int
    /// The bytes of all files in it.
    public let bytes: Int
  }

  private static let folder = "export"

  private let storage: HostStorage
  private let folders: HostFolders

  public init(_ storage: HostStorage) {
    self.storage = storage
    folders = storage.folders
  }

  /// - Parameters:
  ///   - passphrase: what it is sealed to; nil for a plain one.
  ///   - progress: told what comes next.
  /// - Throws: ``HostError/exportRunning``, `ExportFault`, `AgeFault`, `StorageError`, or `CancellationError`. Nothing is
  ///   left under the final name then.
  public func run(
    to path: String, form: ExportTarget.Form, passphrase: borrowing SecretBytes?, now: Date = Date(),
    progress: (StorageVerification.Progress) throws -> Void = { _ in }
  ) throws -> Summary {
    try ExportTarget.check(path, form: form)
    guard let lock = try FileLock(tryFor: folders.data.appending(path: "export.lock")) else {
      throw HostError.exportRunning
    }
    defer { withExtendedLifetime(lock) {} }
    let scratch = try makeScratch()
    defer { try? FileManager.default.removeItem(at: scratch) }
    // A host may have many agents, and each database takes a handful of files.
    FileLimit.raise()

    let (exports, blobs) = try DiskRoom.explained(in: folders.data) { try view(in: scratch) }
    let all = exports.count + 2 * blobs.count
    var done = 0
    func step(_ part: String) throws {
      try Task.checkCancellation()
      try progress(.init(part: part, done: done, all: all))
      done += 1
    }
    var databases: [ExportManifest.Database] = []
    for export in exports {
      try step(export.name.rawValue)
      databases.append(try DiskRoom.explained(in: folders.data) { try export.run() })
    }
    let held = BlobStore(folders: HostFolders(home: scratch), key: storage.key)
    var attachments: [ExportManifest.Attachment] = []
    for blob in blobs {
      try step(blob.path)
      var checksum = Checksum()
      var bytes = 0
      try held.read(blob) { chunk in
        checksum.update(chunk)
        bytes += chunk.count
        return true
      }
      attachments.append(.init(blob: blob, bytes: bytes, sha256: checksum.finish()))
    }

    let readme = Data(ExportReadme.text.utf8)
    let manifest = ExportManifest(
      host: HostServices.version, address: storage.address.checksummed, made: now,
      readme: .init(path: ExportManifest.readmePath, bytes: readme.count, sha256: Checksum.of(readme)),
      databases: databases, attachments: attachments)
    let target = try ExportTarget(path, form: form, passphrase: passphrase, date: now)
    let list = try manifest.encoded()
    try target.add(ExportManifest.path, list)
    try target.add(ExportManifest.sumsPath, manifest.sums(list))
    try target.add(ExportManifest.readmePath, readme)
    for (export, database) in zip(exports, databases) {
      let next = try export.read()
      try target.add(database.file.path, bytes: database.bytes) {
        try Task.checkCancellation()
        return try next()
      }
    }
    var written = Set<String>()
    for (blob, attachment) in zip(blobs, attachments) where written.insert(attachment.sha256).inserted {
      try step(blob.path)
      let next = try held.pieces(of: blob)
      try target.add(attachment.file.path, bytes: attachment.bytes) {
        try Task.checkCancellation()
        return try next()
      }
    }
    try target.finish()
    return Summary(
      path: path, form: "\(form)", databases: databases.count,
      rows: databases.reduce(0) { $0 + $1.rows.values.reduce(0, +) }, attachments: attachments.count,
      bytes: manifest.files.reduce(list.count) { $0 + $1.bytes })
  }

  /// The folder for what is on its way. The lock is held, so what is there is of a process that died.
  private func makeScratch() throws -> URL {
    let scratch = folders.data.appending(path: Self.folder)
    if FileManager.default.fileExists(atPath: scratch.path) {
      try FileManager.default.removeItem(at: scratch)
    }
    try PrivateFile.makeFolder(scratch)
    return scratch
  }

  /// One view of every database, and the attachments that the history of that view refers to.
  ///
  /// An attachment goes only after what referred to it, so where one is gone that the view refers to, a new view does not.
  private func view(in scratch: URL) throws -> ([DatabaseExport], [BlobName]) {
    var missing: BlobName?
    for attempt in 0..<10 {
      let place = scratch.appending(path: "view-\(attempt)")
      try PrivateFile.makeFolder(place)
      // What does not open is not left out: then it would not be everything.
      let conditions = try HostDatabases.conditions(in: folders, key: storage.key)
      var exports: [DatabaseExport] = []
      for (name, condition) in conditions.sorted(by: { $0.key < $1.key }) {
        guard try condition.get() != .missing else { continue }
        exports.append(
          try DatabaseExport(
            name, in: folders, key: storage.key, scratch: place.appending(path: "\(exports.count)")))
      }
      let blobs = try exports.flatMap { try $0.blobs() }
      missing = try hold(blobs, in: HostFolders(home: scratch))
      if missing == nil { return (exports, blobs) }
    }
    throw StorageError.sealedFile(name: missing?.path ?? "", .missing)
  }

  /// Gives attachments a second name, under which the service does not remove them.
  /// - Returns: one that is not there.
  private func hold(_ blobs: [BlobName], in holding: HostFolders) throws -> BlobName? {
    guard let first = blobs.first else { return nil }
    try PrivateFile.makeFolder(first.file(in: holding).deletingLastPathComponent())
    for blob in blobs {
      let (from, to) = (blob.file(in: folders).path, blob.file(in: holding).path)
      guard link(from, to) != 0, errno != EEXIST else { continue }
      guard errno == ENOENT else {
        throw ExportFault.file(path: from, reason: String(cString: strerror(errno)))
      }
      return blob
    }
    return nil
  }
}

/// How many files this process may have open.
enum FileLimit {
  /// Raises it as far as the system lets it be raised.
  static func raise() {
    var limit = rlimit()
    let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(files, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(files, &limit)
  }
}

/// What an export says of itself to whoever finds it.
enum ExportReadme {
  static let text = """
    This is an export of an osaurus-host: everything that was said, what agents remember, the agents, access keys and
    revocations, and the attachments, as they were when it was made.

    It is NOT encrypted. Whoever can read these files can read everything in them; whoever can change them can change who
    is let in by the host that imports them. Keep it as you would keep a diary, or seal it: a target that ends in
    .tar.age is sealed to a passphrase.

    There is no key in it: neither the identity nor the key of the databases. To be the same host elsewhere you need the
    24 words:

        osaurus-host recover                   in a new OSAURUS_HOME, with the 24 words
        osaurus-host storage import PATH       this export

      manifest.json   what is in it, with sizes, checksums and the number of rows of every table
      SHA256SUMS      the same checksums, for: sha256sum -c SHA256SUMS
      databases/      plain SQLite 3, for sqlite3 and every other program that reads it
      blobs/          attachments of 16 KiB and more, each named by the SHA-256 of its content; manifest.json says which
                      attachment ('blob' in the table attachments of databases/chat/history.sqlite) is which

    """
}
