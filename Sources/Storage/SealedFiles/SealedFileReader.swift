import Foundation

/// Opens a sealed file chunk by chunk, in memory for one. Name, version, generation and length are proven before the first
/// chunk is given, and every chunk before it is.
final class SealedFileReader {
  private let file: OpenFile
  private let keys: SealedFileKeys.OfFile
  private let header: SealedFileHeader
  private var number: UInt32 = 0
  private var left: UInt64
  private var isDone = false

  /// How many bytes were sealed.
  var length: UInt64 { header.length }

  init(
    _ path: String, name: String, kind: SealedFileKind, keys: SealedFileKeys
  ) throws(SealedFileFault) {
    file = try OpenFile(reading: path)
    guard let size = try file.privateSize() else {
      throw .unreadable(reason: "is not a plain file of yours that nobody else may read")
    }
    header = try SealedFileHeader(
      parsing: [UInt8](try file.read(SealedFileHeader.size)), kind: kind, name: name, keys: keys)
    guard header.fileSize == size else { throw .wrongLength }
    self.keys = keys.ofFile(salt: header.salt)
    left = header.length
  }

  /// The next chunk; nil after the last.
  func next() throws(SealedFileFault) -> Data? {
    guard !isDone else { return nil }
    let size = Int(min(left, UInt64(SealedFileKeys.chunkSize))) + SealedFileKeys.tagSize
    let sealed = try file.read(size)
    guard sealed.count == size else { throw .wrongLength }
    left -= UInt64(size - SealedFileKeys.tagSize)
    isDone = left == 0
    let opened = try keys.open(sealed, number: number, isLast: isDone, preamble: header.preamble)
    number += 1
    return opened
  }
}
