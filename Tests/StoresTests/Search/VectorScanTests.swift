import Testing

@testable import Stores

@Suite("Nearest vectors")
struct VectorScanTests {
  private func embedding(_ values: [Double]) throws -> Embedding {
    try #require(Embedding(model: "m", values))
  }

  private func random(_ dimensions: Int) throws -> Embedding {
    try embedding((0..<dimensions).map { _ in Double.random(in: -1...1) })
  }

  private func insert(_ embedding: Embedding, _ row: Int64, _ scan: inout VectorScan) {
    embedding.code.withUnsafeBytes { scan.insert($0, scale: embedding.scale, row: row) }
  }

  @Test("the scan finds what comparing every pair finds", arguments: [1, 7, 31, 32, 33, 384])
  func exactness(dimensions: Int) throws {
    var scan = VectorScan(dimensions: dimensions)
    var all: [Int64: Embedding] = [:]
    for row in Int64(0)..<300 {
      let one = try random(dimensions)
      all[row] = one
      insert(one, row, &scan)
    }
    // Some go and some change, from the middle and from the end.
    for row in stride(from: Int64(0), to: 300, by: 3) {
      scan.remove(row: row)
      all[row] = nil
    }
    for row in stride(from: Int64(1), to: 300, by: 30) {
      let other = try random(dimensions)
      all[row] = other
      insert(other, row, &scan)
    }
    #expect(scan.count == all.count)
    let query = try random(dimensions)
    let expected = all.map { ($0.value.similarity(to: query), $0.key) }.sorted { $0 > $1 }.prefix(10)
    let found = scan.nearest(to: query, limit: 10)
    for (hit, (score, _)) in zip(found, expected) { #expect(abs(hit.score - score) < 1e-4) }
    #expect(found.count == 10)
    if dimensions > 1 { #expect(found.map(\.row) == expected.map(\.1)) }
  }

  @Test("nothing is near where nothing is, in another space, or where nothing is asked for")
  func nothing() throws {
    var scan = VectorScan(dimensions: 4)
    let query = try random(4)
    #expect(scan.nearest(to: query, limit: 5).isEmpty)
    insert(query, 1, &scan)
    #expect(scan.nearest(to: try random(5), limit: 5).isEmpty)
    #expect(scan.nearest(to: query, limit: 0).isEmpty)
    scan.remove(row: 99)
    scan.remove(row: 1)
    #expect(scan.count == 0)
    #expect(scan.nearest(to: query, limit: 5).isEmpty)
  }

  @Test("signs alone bring nearly all true neighbours among the candidates")
  func sketches() throws {
    let dimensions = 384
    // Texts come in topics: neighbours are near because they share one.
    let topics = try (0..<40).map { _ in try random(dimensions) }
    var scan = VectorScan(dimensions: dimensions)
    var sketches = VectorSketches(dimensions: dimensions)
    func near(_ topic: Embedding) throws -> Embedding {
      try embedding(topic.code.map { Double($0) + Double.random(in: -120...120) })
    }
    for row in Int64(0)..<4000 {
      let one = try near(topics[Int(row) % topics.count])
      insert(one, row, &scan)
      one.code.withUnsafeBytes { sketches.insert($0, row: row) }
    }
    var found = 0
    for topic in topics {
      let query = try near(topic)
      let candidates = Set(sketches.candidates(for: query, limit: 200))
      found += scan.nearest(to: query, limit: 10).filter { candidates.contains($0.row) }.count
    }
    #expect(Double(found) / Double(10 * topics.count) > 0.95)
    sketches.remove(row: 0)
    #expect(sketches.count == 3999)
    #expect(!sketches.candidates(for: topics[0], limit: 4000).contains(0))
  }

  @Test("the best of many are kept, the best first")
  func best() {
    let scores = (0..<1000).map { _ in Float.random(in: 0...1) }
    var best = BestRows(limit: 25)
    for (row, score) in scores.enumerated() { best.offer(Int64(row), score) }
    #expect(best.sorted().map(\.score) == scores.sorted(by: >).prefix(25).map(\.self))
  }
}
