import CScratch
import Foundation

/// A file that this process alone can read, for a database on its way: it holds plain pages, sealed under a key that is
/// nowhere else.
final class ScratchFile {
  private static let pageSize = Int(SCRATCH_PAGE)
  private static let pagesAtOnce = 64

  private let path: String
  private let file: OpaquePointer
  private var number: UInt64 = 0

  var bytes: Int { Int(scratch_pages(file)) * Self.pageSize }

  init(opening file: URL) throws(ExportFault) {
    path = file.path
    guard let opened = scratch_open(path) else { throw OutputFile.failure(path) }
    self.file = opened
  }

  init(creating file: URL) throws(ExportFault) {
    path = file.path
    guard let opened = scratch_create(path) else { throw OutputFile.failure(path) }
    self.file = opened
  }

  deinit { scratch_close(file) }

  /// The next pages; nil at the end.
  func next() throws -> Data? {
    let count = min(Self.pagesAtOnce, Int(scratch_pages(file) - min(number, scratch_pages(file))))
    guard count > 0 else { return nil }
    var data = Data(count: count * Self.pageSize)
    var status: Int32 = 0
    data.withUnsafeMutableBytes { bytes in
      for page in 0..<count where status == 0 {
        status = scratch_read(file, number + UInt64(page), bytes.baseAddress! + page * Self.pageSize)
      }
    }
    guard status == 0 else { throw failure(status) }
    number += UInt64(count)
    return data
  }

  /// Adds whole pages.
  func append(_ pages: Data) throws {
    precondition(pages.count % Self.pageSize == 0)
    var status: Int32 = 0
    pages.withUnsafeBytes { bytes in
      for offset in stride(from: 0, to: bytes.count, by: Self.pageSize) where status == 0 {
        status = scratch_append(file, bytes.baseAddress! + offset)
      }
    }
    guard status == 0 else { throw failure(status) }
  }

  private func failure(_ status: Int32) -> ExportFault {
    .file(path: path, reason: String(cString: strerror(status)))
  }
}
