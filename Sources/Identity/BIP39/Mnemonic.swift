import Crypto
import SecretMemory

/// The 24 words of an identity: its 32 bytes of entropy and an 8-bit checksum, in steps of 11 bits (BIP39).
///
/// There is no passphrase and no stretching: the entropy is the key itself, so these words do not open the
/// accounts that a BIP32 wallet would derive from them. (spec/01, A1)
public struct Mnemonic: ~Copyable, Sendable {
  /// The number of words.
  public static let wordCount = 24

  let entropy: SecretBytes

  init(entropy: consuming SecretBytes) {
    precondition(entropy.count == 32)
    self.entropy = entropy
  }

  /// Reads a phrase: any case, any whitespace between the words.
  /// - Throws: ``IdentityError/wordCount(_:)``, then ``IdentityError/unknownWord(_:)``, then
  ///   ``IdentityError/phraseChecksum``.
  public init(parsing phrase: String) throws(IdentityError) {
    let words = phrase.split(whereSeparator: \.isWhitespace)
    guard words.count == Self.wordCount else { throw .wordCount(words.count) }
    var numbers: [Int] = []
    defer { for index in numbers.indices { numbers[index] = 0 } }
    for word in words {
      guard let number = EnglishWords.number(of: word.lowercased()) else { throw .unknownWord(String(word)) }
      numbers.append(number)
    }
    let checksum = UInt8(truncatingIfNeeded: numbers[23])
    let entropy = SecretBytes(count: 32) { buffer in
      for index in 0..<32 {
        var byte: UInt8 = 0
        for bit in index * 8..<index * 8 + 8 {
          byte = byte << 1 | UInt8(numbers[bit / 11] >> (10 - bit % 11) & 1)
        }
        buffer[index] = byte
      }
    }
    guard Self.checksum(of: entropy) == checksum else { throw .phraseChecksum }
    self.init(entropy: entropy)
  }

  /// Lends the words, in order, to `body`. They are as secret as the key.
  public borrowing func withWords<R, E: Error>(_ body: ([String]) throws(E) -> R) throws(E) -> R {
    let checksum = Self.checksum(of: entropy)
    let words = entropy.withUnsafeBytes { bytes in
      (0..<Self.wordCount).map { position in
        var number = 0
        for bit in position * 11..<position * 11 + 11 {
          let byte = bit < 256 ? bytes[bit / 8] : checksum
          number = number << 1 | Int(byte >> (7 - bit % 8) & 1)
        }
        return EnglishWords.word(number)
      }
    }
    return try body(words)
  }

  /// Lends the words, joined by single spaces, to `body`.
  public borrowing func withPhrase<R, E: Error>(_ body: (String) throws(E) -> R) throws(E) -> R {
    try withWords { words throws(E) in try body(words.joined(separator: " ")) }
  }

  private static func checksum(of entropy: borrowing SecretBytes) -> UInt8 {
    entropy.withUnsafeBytes { bytes in
      var hash = SHA256()
      hash.update(bufferPointer: bytes)
      return hash.finalize().withUnsafeBytes { $0[0] }
    }
  }
}
