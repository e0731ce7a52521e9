/// A phrase while it is being typed or pasted, word by word.
public struct PhraseDraft: Sendable {
  /// What is wrong with a text that was added.
  public enum Problem: Error, Hashable, Sendable {
    /// The word is not on the list; these may be meant.
    case unknownWord(String, position: Int, suggestions: [String])
    /// There are 24 words already.
    case tooManyWords
  }

  /// The words so far, all of them on the list.
  public private(set) var words: [String] = []

  public init() {}

  public var isComplete: Bool { words.count == Mnemonic.wordCount }

  /// The place of the next word, from 1.
  public var position: Int { words.count + 1 }

  /// Adds one word or many. Any case and whitespace will do, a word's first letters will when no other word begins with
  /// them and there are four, and numbers between the words, such as `12.`, are passed over.
  /// - Throws: ``Problem``. The words before the one that is wrong were added.
  public mutating func add(_ text: some StringProtocol) throws(Problem) {
    for token in text.split(whereSeparator: \.isWhitespace) where !Self.isNumber(token) {
      guard !isComplete else { throw .tooManyWords }
      guard let word = Self.word(token) else {
        throw .unknownWord(
          String(token), position: position, suggestions: EnglishWords.suggestions(for: token))
      }
      words.append(word)
    }
  }

  /// Takes the last word back.
  public mutating func removeLast() { _ = words.popLast() }

  /// Puts another word from the list in a place from 1 on.
  public mutating func replace(_ position: Int, with word: String) {
    guard words.indices.contains(position - 1), EnglishWords.number(of: word) != nil else { return }
    words[position - 1] = word
  }

  /// The identity that the words bring back.
  /// - Throws: what ``Mnemonic/init(parsing:)`` and ``MasterKey/init(mnemonic:)`` throw.
  public func masterKey() throws(IdentityError) -> MasterKey {
    try MasterKey(mnemonic: Mnemonic(parsing: words.joined(separator: " ")))
  }

  private static func word(_ token: some StringProtocol) -> String? {
    let token = token.lowercased()
    if EnglishWords.number(of: token) != nil { return token }
    return token.count >= 4 ? EnglishWords.completion(of: token) : nil
  }

  private static func isNumber(_ token: some StringProtocol) -> Bool {
    let digits = token.last.map { ".):".contains($0) } == true ? token.dropLast() : token[...]
    return !digits.isEmpty && digits.allSatisfy { $0.isASCII && $0.isNumber }
  }
}
