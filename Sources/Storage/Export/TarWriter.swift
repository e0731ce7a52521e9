import CArchive
import Foundation

/// A tar archive (POSIX.1-2001, "pax"), written as it comes: plain files of the owner alone.
final class TarWriter {
  private let archive: OpaquePointer
  private let outlet: Outlet
  private let date: Date

  /// What libarchive writes to, and why that failed.
  private final class Outlet {
    let sink: any ByteSink
    var failure: (any Error)?
    init(_ sink: any ByteSink) { self.sink = sink }
  }

  /// - Parameter date: the time that all files get.
  init(to sink: any ByteSink, date: Date) throws {
    guard let archive = archive_write_new() else { throw ExportFault.archive(reason: "no memory") }
    self.archive = archive
    self.date = date
    outlet = Outlet(sink)
    archive_write_set_format_pax_restricted(archive)
    archive_write_add_filter_none(archive)
    let status = archive_write_open(
      archive, Unmanaged.passUnretained(outlet).toOpaque(), nil,
      { _, context, bytes, count in
        guard let context, let bytes else { return -1 }
        let outlet = Unmanaged<Outlet>.fromOpaque(context).takeUnretainedValue()
        do {
          try outlet.sink.write(Data(bytes: bytes, count: count))
          return count
        } catch {
          outlet.failure = error
          return -1
        }
      }, nil)
    try check(status)
  }

  deinit { archive_write_free(archive) }

  /// Begins a file of exactly that many bytes.
  func begin(_ path: String, bytes: Int) throws {
    guard let entry = archive_entry_new() else { throw ExportFault.archive(reason: "no memory") }
    defer { archive_entry_free(entry) }
    archive_entry_set_pathname(entry, path)
    archive_entry_set_filetype(entry, TarReader.plainFile)
    archive_entry_set_perm(entry, 0o600)
    archive_entry_set_size(entry, Int64(bytes))
    archive_entry_set_mtime(entry, Int(date.timeIntervalSince1970), 0)
    try check(archive_write_header(archive, entry))
  }

  func write(_ bytes: Data) throws {
    let written = bytes.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, $0.count) }
    guard written == bytes.count else { throw failure }
  }

  func finish() throws { try check(archive_write_close(archive)) }

  private func check(_ status: Int32) throws {
    guard status == ARCHIVE_OK else { throw failure }
  }

  private var failure: any Error {
    outlet.failure
      ?? ExportFault.archive(reason: archive_error_string(archive).map { String(cString: $0) } ?? "unknown")
  }
}
