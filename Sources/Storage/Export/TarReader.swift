import CArchive
import Foundation

/// A tar archive from anywhere, read as it comes. Nothing but plain files and folders is in one; what their paths may be
/// is for the caller to say.
final class TarReader {
  /// A file or folder.
  struct Entry {
    let path: String
    let bytes: Int
    let isFolder: Bool
  }

  private static let blockSize = 65_536
  /// libarchive's numbers for the kinds of files, AE_IFREG and AE_IFDIR.
  static let plainFile: UInt32 = 0o100000
  private static let folder: UInt32 = 0o040000

  private let archive: OpaquePointer
  private let inlet: Inlet

  /// What libarchive reads from, and why that failed.
  private final class Inlet {
    let source: any ByteSource
    var failure: (any Error)?
    private let block = UnsafeMutableRawPointer.allocate(byteCount: blockSize, alignment: 16)

    init(_ source: any ByteSource) { self.source = source }
    deinit { block.deallocate() }

    /// The next block, which stays until the one after it.
    func next() throws -> UnsafeRawBufferPointer {
      let bytes = try source.read(blockSize)
      bytes.withUnsafeBytes {
        if let base = $0.baseAddress { block.copyMemory(from: base, byteCount: $0.count) }
      }
      return UnsafeRawBufferPointer(start: block, count: bytes.count)
    }
  }

  init(from source: any ByteSource) throws {
    guard let archive = archive_read_new() else { throw ExportFault.archive(reason: "no memory") }
    self.archive = archive
    inlet = Inlet(source)
    archive_read_support_format_tar(archive)
    let status = archive_read_open(
      archive, Unmanaged.passUnretained(inlet).toOpaque(), nil,
      { _, context, block in
        guard let context, let block else { return -1 }
        let inlet = Unmanaged<Inlet>.fromOpaque(context).takeUnretainedValue()
        do {
          let bytes = try inlet.next()
          block.pointee = bytes.baseAddress
          return bytes.count
        } catch {
          inlet.failure = error
          return -1
        }
      }, nil)
    guard status == ARCHIVE_OK else { throw failure }
  }

  deinit { archive_read_free(archive) }

  /// The next file or folder; nil at the end.
  /// - Throws: ``ExportFault``, or what the source throws.
  func next() throws -> Entry? {
    var entry: OpaquePointer?
    let status = archive_read_next_header(archive, &entry)
    if status == ARCHIVE_EOF, inlet.failure == nil { return nil }
    guard status == ARCHIVE_OK, let entry, inlet.failure == nil else { throw failure }
    guard let name = archive_entry_pathname(entry) else {
      throw ExportFault.archive(reason: "a file has no name")
    }
    let path = String(cString: name)
    let kind = archive_entry_filetype(entry)
    let isFolder = kind == Self.folder
    guard isFolder || kind == Self.plainFile, archive_entry_hardlink(entry) == nil,
      archive_entry_symlink(entry) == nil, archive_entry_size_is_set(entry) != 0,
      archive_entry_sparse_count(entry) == 0
    else { throw ExportFault.surplus(path) }
    return Entry(path: path, bytes: Int(archive_entry_size(entry)), isFolder: isFolder)
  }

  /// The next bytes of the file that was found last; fewer than `count` only at its end.
  func read(_ count: Int) throws -> Data {
    var bytes = Data(count: count)
    var filled = 0
    while filled < count {
      let read = bytes.withUnsafeMutableBytes {
        archive_read_data(archive, $0.baseAddress! + filled, count - filled)
      }
      guard read >= 0, inlet.failure == nil else { throw failure }
      if read == 0 { break }
      filled += read
    }
    return bytes.prefix(filled)
  }

  /// Reads what follows the last file, of which only zeros may be.
  /// - Throws: ``ExportFault/archive(reason:)``, or what the source throws: that what is sealed was cut, for example.
  func finish() throws {
    while true {
      let bytes = try inlet.source.read(Self.blockSize)
      if bytes.isEmpty { return }
      guard bytes.allSatisfy({ $0 == 0 }) else {
        throw ExportFault.archive(reason: "something follows its end")
      }
    }
  }

  private var failure: any Error {
    inlet.failure
      ?? ExportFault.archive(
        reason: archive_error_string(archive).map { String(cString: $0) } ?? "it was cut")
  }
}
