import Crypto
import Foundation
import SecretMemory

/// What seals the files of a host: the keys that derive from one data key, and the cipher under them.
///
/// A file is a sequence of chunks under AES-256-GCM in the STREAM construction: the nonce of a chunk is a prefix, its number
/// and whether it is the last one, so none can be dropped, moved, doubled or put in. Key and prefix derive from a random
/// salt and serve one file only. (V. T. Hoang, R. Reyhanitabar, P. Rogaway, D. Vizár: "Online Authenticated-Encryption and
/// its Nonce-Reuse Misuse-Resistance", CRYPTO 2015.)
final class SealedFileKeys: Sendable {
  static let chunkSize = 65_536
  static let tagSize = 16
  private static let prefixSize = 7

  let generation: KeyGeneration
  private let root: SecretBytes
  private let naming: SecretBytes

  init(root: consuming SecretBytes, naming: consuming SecretBytes, generation: KeyGeneration) {
    self.root = root
    self.naming = naming
    self.generation = generation
  }

  /// The keys of one file.
  struct OfFile {
    let header: SymmetricKey
    private let content: SymmetricKey
    private let prefix: [UInt8]

    fileprivate init(_ derived: UnsafeRawBufferPointer) {
      content = SymmetricKey(data: derived[..<32])
      header = SymmetricKey(data: derived[32..<64])
      prefix = Array(derived[64...])
    }

    private func nonce(_ number: UInt32, isLast: Bool) -> AES.GCM.Nonce {
      let bytes =
        prefix + (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } + [isLast ? 1 : 0]
      guard let nonce = try? AES.GCM.Nonce(data: bytes) else { preconditionFailure("a nonce has 12 bytes") }
      return nonce
    }

    /// Ciphertext and tag of a chunk.
    func seal(
      _ chunk: UnsafeRawBufferPointer, number: UInt32, isLast: Bool, preamble: [UInt8]
    ) -> Data {
      let nonce = nonce(number, isLast: isLast)
      guard let box = try? AES.GCM.seal(chunk, using: content, nonce: nonce, authenticating: preamble),
        let combined = box.combined
      else { preconditionFailure("AES-256-GCM seals any chunk") }
      return combined.dropFirst(12)
    }

    func open(
      _ chunk: Data, number: UInt32, isLast: Bool, preamble: [UInt8]
    ) throws(SealedFileFault) -> Data {
      do {
        let box = try AES.GCM.SealedBox(
          nonce: nonce(number, isLast: isLast), ciphertext: chunk.dropLast(tagSize),
          tag: chunk.suffix(tagSize))
        return try AES.GCM.open(box, using: content, authenticating: preamble)
      } catch {
        throw .alteredChunk(number)
      }
    }
  }

  func ofFile(salt: [UInt8]) -> OfFile {
    root.withUnsafeBytes { root in
      HKDF<SHA256>.deriveKey(
        inputKeyMaterial: SymmetricKey(data: root), salt: salt, info: Array("osaurus-osec-v1:file".utf8),
        outputByteCount: 64 + Self.prefixSize
      ).withUnsafeBytes { OfFile($0) }
    }
  }

  /// Gives the name of what it is fed.
  func naming(_ kind: SealedFileKind) -> BlobNaming {
    naming.withUnsafeBytes { BlobNaming(key: SymmetricKey(data: $0), kind: kind) }
  }
}

/// HMAC-SHA256 over a blob, as it comes.
struct BlobNaming {
  private var code: HMAC<SHA256>

  fileprivate init(key: SymmetricKey, kind: SealedFileKind) {
    code = HMAC(key: key)
    code.update(data: [kind.rawValue])
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) { code.update(data: bytes) }

  func finish() -> BlobName { BlobName(hash: Array(code.finalize())) }
}
