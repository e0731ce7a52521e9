import Foundation
import Testing

@testable import Stores

@Suite("Embeddings")
struct EmbeddingTests {
  private func random(_ dimensions: Int, _ generator: inout SystemRandomNumberGenerator) -> [Double] {
    (0..<dimensions).map { _ in Double.random(in: -1...1, using: &generator) }
  }

  private func cosine(_ one: [Double], _ other: [Double]) -> Double {
    func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    return product(one, other) / (product(one, one) * product(other, other)).squareRoot()
  }

  @Test("the angle between two vectors survives the byte a dimension", arguments: [3, 64, 384, 1536])
  func angles(dimensions: Int) throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20 {
      let (one, noise) = (random(dimensions, &generator), random(dimensions, &generator))
      let other = zip(one, noise).map { $0 + 0.5 * $1 }
      let quantized = try #require(Embedding(model: "m", one)).similarity(
        to: try #require(Embedding(model: "m", other)))
      #expect(abs(Double(quantized) - cosine(one, other)) < 0.02)
    }
  }

  @Test("a length makes no difference, however large or small")
  func scale() throws {
    let values = [0.3, -0.2, 0.9]
    for factor in [1e-300, 1e-6, 1, 1e6, 1e300] {
      let scaled = try #require(Embedding(model: "m", values.map { $0 * factor }))
      #expect(abs(scaled.similarity(to: try #require(Embedding(model: "m", values))) - 1) < 0.01)
    }
  }

  @Test(
    "what has no direction is no embedding",
    arguments: [[], [0, 0, 0], [.nan, 1], [1, .infinity], Array(repeating: 1, count: 8193)] as [[Double]])
  func refusals(values: [Double]) {
    #expect(Embedding(model: "m", values) == nil)
  }

  @Test("vectors of different spaces have nothing in common")
  func spaces() throws {
    let short = try #require(Embedding(model: "m", [1, 0]))
    let long = try #require(Embedding(model: "m", [1, 0, 0]))
    #expect(short.similarity(to: long) == 0)
  }

  @Test("damaged rows of a database are no embeddings")
  func damaged() {
    #expect(Embedding(model: "m", scale: 1, code: Data()) == nil)
    #expect(Embedding(model: "m", scale: .nan, code: Data([1])) == nil)
    #expect(Embedding(model: "m", scale: 0, code: Data([1])) == nil)
    #expect(Embedding(model: "m", scale: -1, code: Data([1])) == nil)
    #expect(Embedding(model: "m", scale: 1, code: Data([1, 255])) != nil)
  }
}
