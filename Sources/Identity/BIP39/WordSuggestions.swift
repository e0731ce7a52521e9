extension EnglishWords {
  /// No word of the list is longer than eight letters; what is much longer is no misspelt one.
  private static let longestInput = 24

  /// The only word that begins with `prefix`, in any case; nil when none does, or several do. Four letters are always
  /// enough.
  public static func completion(of prefix: some StringProtocol) -> String? {
    let prefix = prefix.lowercased()
    guard !prefix.isEmpty, prefix.utf8.count <= longestInput else { return nil }
    let first = firstNumber(from: prefix)
    guard first < all.count, all[first].hasPrefix(prefix) else { return nil }
    guard first + 1 == all.count || !all[first + 1].hasPrefix(prefix) else { return nil }
    return word(first)
  }

  /// The words that `word` is most likely meant to be, the likeliest first: those that the fewest mistakes turn into it,
  /// up to two. A mistake is a letter too many, a missing one, a wrong one, or two that changed places.
  public static func suggestions(for word: some StringProtocol, limit: Int = 3) -> [String] {
    let letters = Array(word.lowercased().utf8)
    guard !letters.isEmpty, letters.count <= longestInput else { return [] }
    let near = all.compactMap { candidate -> (word: String, distance: Int, shared: Int)? in
      let other = Array(candidate.utf8)
      guard abs(other.count - letters.count) <= 2 else { return nil }
      let distance = distance(letters, other)
      // Two mistakes in three letters are another word.
      guard distance <= min(2, max(1, letters.count - 2)) else { return nil }
      return (String(candidate), distance, zip(letters, other).prefix { $0 == $1 }.count)
    }
    return near.sorted { ($0.distance, -$0.shared, $0.word) < ($1.distance, -$1.shared, $1.word) }
      .prefix(limit).map(\.word)
  }

  /// How many mistakes lie between two words: insertions, deletions, substitutions, and swaps of neighbours, none of
  /// which touches what another one has changed (optimal string alignment).
  static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var rows = [Array(0...right.count)]
    for row in 0..<left.count {
      var next = [row + 1]
      for column in 0..<right.count {
        let isSame = left[row] == right[column]
        var least = min(
          next[column] + 1, rows[row][column + 1] + 1, rows[row][column] + (isSame ? 0 : 1))
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          least = min(least, rows[row - 1][column - 1] + 1)
        }
        next.append(least)
      }
      rows.append(next)
    }
    return rows[left.count][right.count]
  }
}
