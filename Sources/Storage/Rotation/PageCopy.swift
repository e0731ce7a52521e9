import CPages
import Foundation
import GRDB
import Keyring
import SecretMemory

#if canImport(Glibc)
  import Glibc
#endif

/// The pages of a database file put under another key, and verified, without SQLCipher, which does that on one thread at
/// a time. What it made is opened by SQLCipher before anybody relies on it.
enum PageCopy {
  /// How many bytes a page has.
  static let pageSize = Int(PAGES_SIZE)
  /// How many pages a thread takes at once: 1 MiB of them.
  private static let pagesAtOnce = 256

  /// Writes the first pages of a file, which nobody changes meanwhile, to another one, under a key and a salt of its own.
  ///
  /// - Parameters:
  ///   - source: A connection to the file, whose log is empty.
  ///   - copied: told how many bytes were copied since it was last told, by one thread at a time; what it throws ends the copying.
  /// - Throws: ``StorageError/damaged(database:reason:)``, `KeyringError`, or what `copied` throws.
  static func write(
    _ source: Database, pages: Int, of name: DatabaseName, under old: DataKey, to file: URL,
    under new: DataKey, copied: @escaping @Sendable (Int) throws -> Void
  ) throws {
    guard let handle = source.sqliteConnection else { throw StorageError.notEncrypting }
    // One thread at a time reads through it: whoever takes a run.
    nonisolated(unsafe) let connection = UnsafeMutableRawPointer(handle)
    let salts = try (salt(of: connection, name), freshSalt())
    let output = try OpenedFile(file, O_WRONLY)
    try Runs(of: pages, atOnce: pagesAtOnce).work { runs in
      let from = try FileKey(old.databaseKey(for: name), salt: salts.0)
      let to = try FileKey(new.databaseKey(for: name), salt: salts.1)
      let (read, written) = (Pages(pagesAtOnce), Pages(pagesAtOnce))
      while let run = try runs.next({ run in
        let status = pages_read(connection, UInt32(run.lowerBound), run.count, read.bytes)
        guard status == 0 else {
          throw StorageError.damaged(
            database: name.rawValue, reason: "page \(run.lowerBound) cannot be read")
        }
      }) {
        var bad: UInt32 = 0
        let result = pages_put_under(
          from.key, to.key, UInt32(run.lowerBound), run.count, read.bytes, written.bytes, &bad)
        try check(result, bad, name)
        let bytes = UnsafeRawBufferPointer(start: written.bytes, count: run.count * pageSize)
        try output.write(bytes, at: offset(of: run))
        try runs.alone { try copied(bytes.count) }
      }
    }
  }

  /// Verifies every page of a file that nobody has open.
  /// - Throws: ``StorageError/damaged(database:reason:)``, `KeyringError`.
  static func verify(_ file: URL, pages: Int, of name: DatabaseName, under key: DataKey) throws {
    let input = try OpenedFile(file, O_RDONLY)
    var salt = [UInt8](repeating: 0, count: Int(PAGES_SALT_SIZE))
    try salt.withUnsafeMutableBytes { try input.read($0, at: 0) }
    try Runs(of: pages, atOnce: pagesAtOnce).work { [salt] runs in
      let (fileKey, read) = (try FileKey(key.databaseKey(for: name), salt: salt), Pages(pagesAtOnce))
      while let run = try runs.next({ _ in }) {
        try input.read(
          UnsafeMutableRawBufferPointer(start: read.bytes, count: run.count * pageSize), at: offset(of: run))
        var bad: UInt32 = 0
        try check(
          pages_verify(fileKey.key, UInt32(run.lowerBound), run.count, read.bytes, &bad), bad, name)
      }
    }
  }

  private static func offset(of run: Range<Int>) -> Int { (run.lowerBound - 1) * pageSize }

  private static func check(_ result: pages_result, _ page: UInt32, _ name: DatabaseName) throws {
    switch result {
    case PAGES_DONE: return
    case PAGES_FORGED:
      throw StorageError.damaged(
        database: name.rawValue, reason: "HMAC verification failed for page \(page)")
    default: throw StorageError.notEncrypting
    }
  }

  private static func salt(of connection: UnsafeMutableRawPointer, _ name: DatabaseName) throws -> [UInt8] {
    let first = Pages(1)
    guard pages_read(connection, 1, 1, first.bytes) == 0 else {
      throw StorageError.damaged(database: name.rawValue, reason: "page 1 cannot be read")
    }
    return Array(UnsafeBufferPointer(start: first.bytes, count: Int(PAGES_SALT_SIZE)))
  }

  private static func freshSalt() throws -> [UInt8] {
    var salt = [UInt8](repeating: 0, count: Int(PAGES_SALT_SIZE))
    guard pages_make_salt(&salt) == 1 else { throw StorageError.notEncrypting }
    return salt
  }

  // MARK: What a thread has

  /// Room for encrypted pages.
  private final class Pages {
    let bytes: UnsafeMutablePointer<UInt8>

    init(_ count: Int) { bytes = .allocate(capacity: count * pageSize) }
    deinit { bytes.deallocate() }
  }

  /// The key of a file, wiped with the value.
  private final class FileKey {
    let key: OpaquePointer

    init(_ bytes: consuming SecretBytes, salt: [UInt8]) throws {
      let made = bytes.withUnsafeBytes { bytes in
        precondition(bytes.count == Int(PAGES_KEY_SIZE) && salt.count == Int(PAGES_SALT_SIZE))
        return pages_key_make(bytes.bindMemory(to: UInt8.self).baseAddress, salt)
      }
      guard let made else { throw StorageError.notEncrypting }
      key = made
    }

    deinit { pages_key_free(key) }
  }

  /// A file that SQLite does not have open in this process: closing it would let go of SQLite's locks.
  private final class OpenedFile: Sendable {
    private let path: String
    private let descriptor: CInt

    init(_ file: URL, _ mode: CInt) throws {
      path = file.path
      descriptor = open(path, mode | O_CLOEXEC | O_NOFOLLOW)
      guard descriptor >= 0 else { throw refusal() }
    }

    deinit { close(descriptor) }

    private func refusal() -> KeyringError { .file(path: path, reason: String(cString: strerror(errno))) }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
      var done = 0
      while done < bytes.count {
        let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
        guard count > 0 || errno == EINTR else { throw refusal() }
        done += max(count, 0)
      }
    }

    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws {
      var done = 0
      while done < bytes.count {
        let count = pread(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
        guard count >= 0 || errno == EINTR else { throw refusal() }
        guard count != 0 else { throw KeyringError.file(path: path, reason: "it ends too early") }
        done += max(count, 0)
      }
    }
  }
}
