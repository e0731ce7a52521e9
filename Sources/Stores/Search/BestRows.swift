/// A row of a table, and how well it answers.
struct ScoredRow: Hashable, Sendable {
  let row: Int64
  let score: Float
}

/// The best rows of many: a heap whose root is the worst that is kept, so that most rows cost one comparison.
struct BestRows {
  private let limit: Int
  private var heap: [ScoredRow] = []

  init(limit: Int) {
    self.limit = max(limit, 0)
    heap.reserveCapacity(self.limit)
  }

  mutating func offer(_ row: Int64, _ score: Float) {
    if heap.count < limit {
      heap.append(ScoredRow(row: row, score: score))
      rise(from: heap.count - 1)
    } else if limit > 0, score > heap[0].score {
      heap[0] = ScoredRow(row: row, score: score)
      sink()
    }
  }

  /// What was kept, the best first; rows of the same score by their number, the newest first.
  func sorted() -> [ScoredRow] {
    heap.sorted { ($0.score, $0.row) > ($1.score, $1.row) }
  }

  private mutating func rise(from start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].score < heap[parent].score else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].score < heap[least].score {
        least = child
      }
      guard least != parent else { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
