/// One ranking out of several whose scores cannot be compared: a row earns `1 / (60 + its place)` in each.
///
/// Source: G. Cormack, C. Clarke, S. Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
/// Learning Methods" (SIGIR 2009), which also gives the 60.
enum ReciprocalRank {
  static let constant: Double = 60

  /// What each row earns in all rankings together.
  static func fuse(_ rankings: [[Int64]]) -> [Int64: Double] {
    var scores: [Int64: Double] = [:]
    for ranking in rankings {
      for (place, row) in ranking.enumerated() {
        scores[row, default: 0] += 1 / (constant + Double(place + 1))
      }
    }
    return scores
  }
}
