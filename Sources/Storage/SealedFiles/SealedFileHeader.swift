import Crypto

/// What a sealed file is of. It is authenticated: a file of one kind does not pass for one of another.
public enum SealedFileKind: UInt8, Hashable, Sendable {
  /// An attachment of a conversation.
  case chatBlob = 1
}

/// The first 88 bytes of a sealed file (Docs/STORAGE.md, "Sealed files").
struct SealedFileHeader: Hashable {
  static let magic = Array("OSEC".utf8)
  static let version: UInt8 = 1
  static let saltSize = 32
  static let tagSize = SHA256.byteCount
  /// What every chunk authenticates with itself.
  static let preambleSize = 16
  static let size = preambleSize + 8 + saltSize + tagSize

  let kind: SealedFileKind
  let generation: KeyGeneration
  /// The bytes that were sealed.
  let length: UInt64
  let salt: [UInt8]

  /// Magic, version, kind, two zeros, generation of the data key.
  var preamble: [UInt8] { Self.magic + [Self.version, kind.rawValue, 0, 0] + generation.rawValue }

  private var withoutTag: [UInt8] {
    preamble + (0..<8).map { UInt8(truncatingIfNeeded: length >> (56 - 8 * $0)) } + salt
  }

  /// The header as it stands in the file called `name`.
  func encoded(name: String, keys: SealedFileKeys.OfFile) -> [UInt8] {
    withoutTag + Array(HMAC<SHA256>.authenticationCode(for: message(name: name), using: keys.header))
  }

  /// Reads the header of the file called `name`, and makes sure that it was written for it.
  init(
    parsing bytes: [UInt8], kind: SealedFileKind, name: String, keys: SealedFileKeys
  ) throws(SealedFileFault) {
    guard bytes.count >= 5, Array(bytes[..<4]) == Self.magic else { throw .notSealed }
    guard bytes[4] <= Self.version else { throw .newerVersion(bytes[4]) }
    guard bytes.count == Self.size else { throw .wrongLength }
    guard let generation = KeyGeneration(rawValue: Array(bytes[8..<16])) else { throw .notSealed }
    self.kind = kind
    self.generation = generation
    length = bytes[16..<24].reduce(0) { $0 << 8 | UInt64($1) }
    salt = Array(bytes[24..<24 + Self.saltSize])
    guard generation == keys.generation else { throw .otherGeneration(generation) }
    guard Array(bytes[..<Self.preambleSize]) == preamble else { throw .alteredHeader }
    let tag = bytes[(Self.size - Self.tagSize)...]
    guard
      HMAC<SHA256>.isValidAuthenticationCode(
        tag, authenticating: message(name: name), using: keys.ofFile(salt: salt).header)
    else { throw .alteredHeader }
  }

  init(kind: SealedFileKind, generation: KeyGeneration, length: UInt64, salt: [UInt8]) {
    self.kind = kind
    self.generation = generation
    self.length = length
    self.salt = salt
  }

  /// The name comes last and everything before it has a fixed size, so no two headers and names give the same bytes.
  private func message(name: String) -> [UInt8] { withoutTag + Array(name.utf8) }

  /// How many bytes the file of that many sealed ones has; nil where no file could.
  var fileSize: UInt64? {
    let chunks = Self.chunks(of: length)
    guard chunks <= UInt64(UInt32.max) else { return nil }
    return UInt64(Self.size) + length + chunks * UInt64(SealedFileKeys.tagSize)
  }

  /// Nothing is one empty chunk; otherwise no chunk is empty.
  static func chunks(of length: UInt64) -> UInt64 {
    max(
      1, length / UInt64(SealedFileKeys.chunkSize) + (length % UInt64(SealedFileKeys.chunkSize) == 0 ? 0 : 1))
  }
}
