import Crypto
import SecretMemory

/// One word put in another one's place, after which the checksum of a phrase is right.
///
/// One in 256 of all replacements does that by chance, so a phrase has about 190 of them. A person's mistake is among
/// the likely ones: those whose word resembles the one that was written.
public struct PhraseCorrection: Hashable, Sendable {
  /// The place, from 1 to 24.
  public let position: Int
  /// The word that belongs there.
  public let word: String
  /// How many letters lie between it and the one that was written.
  public let distance: Int

  /// Whether it resembles what was written so much that it may be what was meant.
  public var isLikely: Bool { distance <= 2 }

  /// Every replacement of a single word that makes a phrase of 24 words from the list valid, the likeliest first.
  /// Nothing where it is valid already, has another number of words, or has one that is not on the list.
  public static func all(for words: [String]) -> [PhraseCorrection] {
    let numbers = words.compactMap { EnglishWords.number(of: $0.lowercased()) }
    guard words.count == Mnemonic.wordCount, numbers.count == words.count else { return [] }
    var bits = PhraseBits()
    defer { bits.wipe() }
    for (position, number) in numbers.enumerated() { bits.set(position, to: number) }
    guard !bits.isValid else { return [] }
    var corrections: [PhraseCorrection] = []
    for (position, number) in numbers.enumerated() {
      let written = Array(EnglishWords.all[number].utf8)
      for candidate in EnglishWords.all.indices where candidate != number {
        bits.set(position, to: candidate)
        guard bits.isValid else { continue }
        let distance = EnglishWords.distance(written, Array(EnglishWords.all[candidate].utf8))
        corrections.append(
          PhraseCorrection(
            position: position + 1, word: EnglishWords.word(candidate), distance: distance))
      }
      bits.set(position, to: number)
    }
    return corrections.sorted { ($0.distance, $0.position, $0.word) < ($1.distance, $1.position, $1.word) }
  }
}

/// The 264 bits of a phrase: 24 numbers of 11 bits, the last eight of them the checksum.
private struct PhraseBits {
  private var bytes = [UInt8](repeating: 0, count: 33)

  mutating func set(_ position: Int, to number: Int) {
    for bit in 0..<11 {
      let place = position * 11 + bit
      let mask = UInt8(0x80) >> UInt8(place % 8)
      if number >> (10 - bit) & 1 == 1 { bytes[place / 8] |= mask } else { bytes[place / 8] &= ~mask }
    }
  }

  var isValid: Bool {
    bytes.withUnsafeBytes { bytes in
      var hash = SHA256()
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[..<32]))
      return hash.finalize().withUnsafeBytes { $0[0] } == bytes[32]
    }
  }

  mutating func wipe() { SecretMemory.wipe(&bytes) }
}
