public import Foundation
public import Keyring
import SecretMemory
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A blob that is sealed and safe on disk, and not yet in its place. It is gone with the value unless it is placed.
public final class StagedBlob: Sendable {
  public let name: BlobName
  /// The bytes that were sealed.
  public let byteCount: UInt64
  fileprivate let temporary: String

  init(name: BlobName, byteCount: UInt64, temporary: String) {
    self.name = name
    self.byteCount = byteCount
    self.temporary = temporary
  }

  deinit { unlink(temporary) }
}

/// The attachments of conversations, each a sealed file of its own.
public final class BlobStore: Sendable {
  private let folders: HostFolders
  private let current: Mutex<SealedFileKeys>
  let kind = SealedFileKind.chatBlob
  private var folder: URL { folders.data.appending(path: BlobName.folder) }

  public init(folders: HostFolders, key: DataKey) {
    self.folders = folders
    current = Mutex(key.sealedFileKeys)
  }

  var keys: SealedFileKeys { current.withLock { $0 } }

  /// Goes on with the blobs of another data key, which have taken the place of those of the one before. Nobody may be about
  /// to place one meanwhile.
  public func exchange(for key: DataKey) { current.withLock { $0 = key.sealedFileKeys } }

  // MARK: Writing

  /// Seals bytes.
  /// - Throws: ``StorageError/sealedFile(name:_:)`` or ``StorageError/file(_:)``.
  public func stage(_ bytes: Data) throws(StorageError) -> StagedBlob {
    var whole: Data? = bytes
    return try stage { () throws(StorageError) in
      defer { whole = nil }
      return whole
    }
  }

  /// Seals what `next` gives piece by piece until it gives nil, however much it is.
  /// - Throws: what `next` throws, ``StorageError/sealedFile(name:_:)`` or ``StorageError/file(_:)``.
  public func stage(_ next: () throws(StorageError) -> Data?) throws(StorageError) -> StagedBlob {
    try stage(salt: RandomBytes.make(SealedFileHeader.saltSize), next)
  }

  func stage(
    salt: [UInt8], _ next: () throws(StorageError) -> Data?
  ) throws(StorageError) -> StagedBlob {
    do {
      try PrivateFile.makeFolder(folder)
    } catch {
      throw .file(error)
    }
    let writer = try translated { () throws(SealedFileFault) in
      try SealedFileWriter(in: folder.path, kind: kind, keys: keys, salt: salt)
    }
    while let piece = try next() {
      try translated { () throws(SealedFileFault) in try writer.write(piece) }
    }
    return try translated { () throws(SealedFileFault) in try writer.finish() }
  }

  private func translated<R>(_ body: () throws(SealedFileFault) -> R) throws(StorageError) -> R {
    do {
      return try body()
    } catch {
      throw .sealedFile(name: BlobName.folder, error)
    }
  }

  /// Puts a staged blob into its place, all at once. The same content that is there already is replaced by itself, which
  /// mends it where it was damaged.
  ///
  /// Whoever collects blobs that nobody refers to must not do so between this and the reference: both belong into
  /// the transaction that writes the reference.
  /// - Throws: ``StorageError/sealedFile(name:_:)``.
  public func place(_ staged: borrowing StagedBlob) throws(StorageError) {
    try placeUnsynchronized(staged)
    PrivateFile.synchronizeFolder(folder.path)
  }

  /// The same, without making the name outlive a power cut.
  func placeUnsynchronized(_ staged: borrowing StagedBlob) throws(StorageError) {
    guard rename(staged.temporary, staged.name.file(in: folders).path) == 0 else {
      throw .sealedFile(name: staged.name.path, OpenFile.failure)
    }
  }

  /// Makes all names outlive a power cut.
  package func synchronize() { PrivateFile.synchronizeFolder(folder.path) }

  // MARK: Reading

  /// A blob as a whole, once all of it is proven to be what its name says.
  /// - Throws: ``StorageError/sealedFile(name:_:)``.
  public func bytes(of name: BlobName, limit: Int = .max) throws(StorageError) -> Data {
    var whole = Data()
    var tooLarge = false
    try read(name) { chunk in
      guard !tooLarge, whole.count + chunk.count <= limit else {
        tooLarge = true
        return false
      }
      whole.append(chunk)
      return true
    }
    guard !tooLarge else { throw .sealedFile(name: name.path, .tooLarge(limit: limit)) }
    return whole
  }

  /// Gives a blob chunk by chunk, in order. Each was proven to be a part of this blob; that they are all of it, and what
  /// the name says, is known when this returns without an error.
  /// - Parameter body: answers whether it wants more.
  /// - Throws: ``StorageError/sealedFile(name:_:)``, or what `body` throws.
  public func read(
    _ name: BlobName, _ body: (Data) throws(StorageError) -> Bool
  ) throws(StorageError) {
    let keys = keys
    let reader = try reader(of: name)
    var naming = keys.naming(kind)
    while let chunk = try Self.next(of: reader, name) {
      chunk.withUnsafeBytes { naming.update($0) }
      guard try body(chunk) else { return }
    }
    guard naming.finish() == name else { throw .sealedFile(name: name.path, .otherContent) }
  }

  func reader(of name: BlobName) throws(StorageError) -> SealedFileReader {
    do {
      return try SealedFileReader(name.file(in: folders).path, name: name.path, kind: kind, keys: keys)
    } catch {
      throw .sealedFile(name: name.path, error)
    }
  }

  static func next(of reader: SealedFileReader, _ name: BlobName) throws(StorageError) -> Data? {
    do {
      return try reader.next()
    } catch {
      throw .sealedFile(name: name.path, error)
    }
  }

  /// The same, for whoever asks for one chunk after the other; nil after the last.
  /// - Throws: ``StorageError/sealedFile(name:_:)``, also later.
  public func pieces(of name: BlobName) throws(StorageError) -> () throws -> Data? {
    let keys = keys
    let reader = try reader(of: name)
    var naming = keys.naming(kind)
    return {
      if let chunk = try Self.next(of: reader, name) {
        chunk.withUnsafeBytes { naming.update($0) }
        return chunk
      }
      guard naming.finish() == name else { throw StorageError.sealedFile(name: name.path, .otherContent) }
      return nil
    }
  }

  /// Reads all of a blob and keeps nothing of it.
  /// - Throws: ``StorageError/sealedFile(name:_:)`` where it is not what was written.
  public func verify(_ name: BlobName) throws(StorageError) {
    try read(name) { _ in true }
  }

  // MARK: What is there

  /// Every blob on disk.
  /// - Throws: ``StorageError/file(_:)``.
  public func names() throws(StorageError) -> [BlobName] { try BlobName.existing(in: folders) }

  /// The size of its file; 0 where there is none.
  public func fileSize(of name: BlobName) -> Int { DatabaseName.size(of: name.file(in: folders)) }

  /// Takes blobs away.
  public func remove(_ names: [BlobName]) {
    for name in names { unlink(name.file(in: folders).path) }
    if !names.isEmpty { PrivateFile.synchronizeFolder(folder.path) }
  }

  /// Takes away what processes left that died while they sealed, if it is older than `age`: younger files may be at work.
  /// - Throws: ``StorageError/file(_:)``.
  public func removeUnfinished(olderThan age: TimeInterval, now: Date = Date()) throws(StorageError) {
    for entry in try DataFolder.entries(of: BlobName.folder, in: folders)
    where entry.contains(SealedFileWriter.unfinished) {
      let file = folder.appending(path: entry)
      let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
      guard let changed = attributes?[.modificationDate] as? Date, now.timeIntervalSince(changed) > age else {
        continue
      }
      unlink(file.path)
    }
  }
}
