/// Three questions about a phrase, at places that nobody knows beforehand. Who answers them has written it down.
package struct PhraseQuiz: Sendable {
  /// How many words are asked for.
  package static let length = 3

  /// The places, from 1 to 24, in the order in which they are asked for.
  package let positions: [Int]
  private var answered = 0

  package init(using random: inout some RandomNumberGenerator) {
    positions = Array((1...Mnemonic.wordCount).shuffled(using: &random).prefix(Self.length))
  }

  /// The place that is asked for now; nil when all of them were answered.
  package var position: Int? { answered < positions.count ? positions[answered] : nil }

  /// Which question this is, from 1.
  package var step: Int { min(answered + 1, positions.count) }

  /// Whether `text` is the word at ``position``, in any case and with any spaces around it. If so, the next one is
  /// asked for.
  package mutating func answer(_ text: String, words: [String]) -> Bool {
    guard let position, words.count == Mnemonic.wordCount else { return false }
    let given = text.split(whereSeparator: \.isWhitespace)
    guard given.count == 1, given[0].lowercased() == words[position - 1] else { return false }
    answered += 1
    return true
  }
}
