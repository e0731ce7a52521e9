import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Seals what it is given, chunk by chunk, into a file beside its final place, in memory for one chunk.
///
/// The content has no name before all of it is known, so the header is written last; until then the file is not called
/// `.osec`, and a process that dies leaves nothing under a final name.
final class SealedFileWriter {
  /// How unfinished files end.
  static let unfinished = ".new"

  private let file: OpenFile
  private let temporary: String
  private let kind: SealedFileKind
  private let salt: [UInt8]
  private let generation: KeyGeneration
  private let keys: SealedFileKeys.OfFile
  private let preamble: [UInt8]
  private var naming: BlobNaming
  private var chunk: [UInt8] = []
  private var number: UInt32 = 0
  private var length: UInt64 = 0

  init(
    in folder: String, kind: SealedFileKind, keys: SealedFileKeys,
    salt: [UInt8]
  ) throws(SealedFileFault) {
    temporary = "\(folder)/\(UUID().uuidString)\(Self.unfinished)"
    file = try OpenFile(creating: temporary)
    self.kind = kind
    self.salt = salt
    self.keys = keys.ofFile(salt: salt)
    generation = keys.generation
    naming = keys.naming(kind)
    preamble = SealedFileHeader(kind: kind, generation: keys.generation, length: 0, salt: salt).preamble
    chunk.reserveCapacity(SealedFileKeys.chunkSize)
  }

  deinit { unlink(temporary) }

  /// Adds to the content.
  func write(_ bytes: Data) throws(SealedFileFault) {
    bytes.withUnsafeBytes { naming.update($0) }
    length += UInt64(bytes.count)
    var rest = bytes
    while !rest.isEmpty {
      // A full chunk goes out when something follows it: only then is it not the last one.
      if chunk.count == SealedFileKeys.chunkSize { try flush(isLast: false) }
      let count = min(rest.count, SealedFileKeys.chunkSize - chunk.count)
      chunk.append(contentsOf: rest.prefix(count))
      rest = rest.dropFirst(count)
    }
  }

  /// Writes the end and the header, and makes them outlive a power cut. The file is still beside its place.
  func finish() throws(SealedFileFault) -> StagedBlob {
    try flush(isLast: true)
    let name = naming.finish()
    let header = SealedFileHeader(kind: kind, generation: generation, length: length, salt: salt)
    try file.write(Data(header.encoded(name: name.path, keys: keys)), at: 0)
    try file.synchronize()
    // The name is the staged blob's from here on; what this value unlinks at its end is gone then.
    let staged = temporary + ".staged"
    guard rename(temporary, staged) == 0 else { throw OpenFile.failure }
    return StagedBlob(name: name, byteCount: length, temporary: staged)
  }

  private func flush(isLast: Bool) throws(SealedFileFault) {
    guard number < .max else { throw .tooLarge(limit: Int(UInt32.max) * SealedFileKeys.chunkSize) }
    let sealed = chunk.withUnsafeBytes {
      keys.seal($0, number: number, isLast: isLast, preamble: preamble)
    }
    let offset =
      UInt64(SealedFileHeader.size)
      + UInt64(number) * UInt64(SealedFileKeys.chunkSize + SealedFileKeys.tagSize)
    try file.write(sealed, at: offset)
    number += 1
    chunk.removeAll(keepingCapacity: true)
  }
}
