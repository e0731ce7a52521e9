/// What a search by words and one by meaning found, as one ranking (``ReciprocalRank``).
struct HybridRanking {
  /// How far each ranking goes.
  static let depth = 200
  /// Nothing is said to be near in meaning below this cosine.
  static let leastSimilarity: Float = 0.1

  let byWords: Set<Int64>
  let byMeaning: Set<Int64>
  /// What each row earned.
  let scores: [Int64: Double]

  /// - Parameters:
  ///   - words: The rows that have the words, the best first.
  ///   - meaning: The rows near in meaning, the nearest first.
  init(words: [Int64], meaning: [ScoredRow]) {
    let near = meaning.filter { $0.score >= Self.leastSimilarity }.map(\.row)
    byWords = Set(words)
    byMeaning = Set(near)
    scores = ReciprocalRank.fuse([words, near])
  }
}
