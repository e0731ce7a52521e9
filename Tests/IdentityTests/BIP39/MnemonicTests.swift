import Crypto
import Foundation
import SecretMemory
import Testing

@testable import Identity

@Suite("Recovery phrases")
struct MnemonicTests {
  private struct Published: Decodable {
    struct Vector: Decodable {
      let entropy: String
      let mnemonic: String
    }
    let vectors: [Vector]
  }

  private static let phrase =
    "project entry cook mango pause vast purse network regular mushroom divide chuckle "
    + "river focus tobacco laundry galaxy tornado own online satisfy just wrap arctic"

  private func mnemonic(entropy hex: String) throws -> Mnemonic {
    var entropy = try #require(Hex.decode(hex))
    return Mnemonic(entropy: SecretBytes(taking: &entropy))
  }

  private func entropy(of phrase: String) throws -> String {
    let mnemonic = try Mnemonic(parsing: phrase)
    return mnemonic.entropy.withUnsafeBytes { Hex.string(Array($0)) }
  }

  @Test("the word list is the official one, byte for byte")
  func wordList() {
    let text = EnglishWords.all.map { $0 + "\n" }.joined()
    let digest = Hex.string(Array(SHA256.hash(data: Data(text.utf8))))
    #expect(EnglishWords.all.count == 2048)
    #expect(digest == "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda")
  }

  @Test("every word is found at its place, and nothing else is")
  func lookup() {
    for (number, word) in EnglishWords.all.enumerated() {
      #expect(EnglishWords.number(of: String(word)) == number)
    }
    for word in ["", "a", "abandom", "zoot", "Zoo", "zzz", "abandon ", "\u{0}"] {
      #expect(EnglishWords.number(of: word) == nil)
    }
  }

  @Test("the published phrases of 256 bits come out in both directions")
  func published() throws {
    let file = try Fixture.data("vectors/bip39-english-256.json")
    let vectors = try JSONDecoder().decode(Published.self, from: file).vectors
    #expect(vectors.count == 8)
    for vector in vectors {
      let phrase = try mnemonic(entropy: vector.entropy).withPhrase { $0 }
      #expect(phrase == vector.mnemonic)
      #expect(try entropy(of: vector.mnemonic) == vector.entropy)
    }
  }

  @Test("the phrase of an independent implementation comes out")
  func independent() throws {
    let alice = try MasterKey.alice()
    let phrase = alice.mnemonic().withPhrase { $0 }
    #expect(phrase == Self.phrase)
    let recovered = try MasterKey(mnemonic: Mnemonic(parsing: Self.phrase))
    #expect(recovered.address == alice.address)
  }

  @Test("random entropy makes the way to words and back")
  func roundTrip() throws {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<50 {
      let hex = Hex.string(generator.bytes(32))
      let phrase = try mnemonic(entropy: hex).withPhrase { $0 }
      #expect(try entropy(of: phrase) == hex)
    }
  }

  @Test("case and whitespace do not matter")
  func spelling() throws {
    let typed = "\n  " + Self.phrase.uppercased().replacing(" ", with: " \t\r\n") + "\u{a0}\n"
    let phrase = try Mnemonic(parsing: typed).withPhrase { $0 }
    #expect(phrase == Self.phrase)
  }

  @Test("any number of words but 24 is refused first", arguments: [0, 1, 12, 23, 25, 48])
  func count(count: Int) {
    let words = Array(repeating: "notaword", count: count).joined(separator: " ")
    #expect(throws: IdentityError.wordCount(count)) { _ = try Mnemonic(parsing: words) }
    #expect(IdentityError.wordCount(count).description == "Recovery phrase must be exactly 24 words.")
  }

  @Test("the first word that is not on the list is named as it was written")
  func unknownWord() {
    let typed = Self.phrase.replacing("mango", with: "MangoO").replacing("vast", with: "vasst")
    #expect(throws: IdentityError.unknownWord("MangoO")) { _ = try Mnemonic(parsing: typed) }
    #expect(
      IdentityError.unknownWord("MangoO").description
        == "Recovery phrase contains a word that isn't in the BIP39 English wordlist: MangoO")
  }

  @Test("a phrase with one word exchanged for another of the list is refused")
  func checksum() throws {
    let words = Self.phrase.split(separator: " ").map(String.init)
    var refused = 0
    for position in words.indices {
      var typed = words
      typed[position] = typed[position] == "zoo" ? "zone" : "zoo"
      do throws(IdentityError) {
        _ = try Mnemonic(parsing: typed.joined(separator: " "))
      } catch {
        #expect(error == .phraseChecksum)
        refused += 1
      }
    }
    #expect(refused >= 22, "one such phrase in 256 is a right one")
    #expect(
      IdentityError.phraseChecksum.description
        == "Recovery phrase checksum is invalid. Double-check each word.")
  }

  @Test("two words that change places are noticed")
  func order() {
    var words = Self.phrase.split(separator: " ")
    words.swapAt(0, 1)
    #expect(throws: IdentityError.phraseChecksum) {
      _ = try Mnemonic(parsing: words.joined(separator: " "))
    }
  }
}
