import Foundation

/// A text as a point in a space of meaning, as one model sees it: a unit vector with a byte a dimension.
///
/// A byte a dimension keeps the angles of a vector of floats to well within a degree, in a quarter of the memory.
public struct Embedding: Hashable, Sendable {
  /// The most dimensions that are taken.
  public static let mostDimensions = 8192

  /// The model that made it. Embeddings of different models have nothing to do with each other.
  public let model: String
  /// What a byte of 1 stands for.
  let scale: Float
  /// A signed byte a dimension.
  let code: [Int8]

  /// The number of dimensions.
  public var dimensions: Int { code.count }

  /// Takes what a model gave for a text; nil for what has no direction, or no dimension, or too many.
  public init?(model: String, _ values: some Collection<Double>) {
    guard !model.isEmpty, !values.isEmpty, values.count <= Self.mostDimensions,
      values.allSatisfy(\.isFinite)
    else { return nil }
    // Divided by the largest first, so that no square overflows.
    let largest = values.reduce(0) { max($0, abs($1)) }
    guard largest > 0 else { return nil }
    let length = values.reduce(0) { $0 + ($1 / largest) * ($1 / largest) }.squareRoot()
    self.model = model
    scale = Float(1 / (127 * length))
    code = values.map { Int8(($0 / largest * 127).rounded()) }
  }

  /// Takes what rests in a database; nil where it cannot be an embedding.
  init?(model: String, scale: Double, code: Data) {
    let code = code.map { Int8(bitPattern: $0) }
    guard !code.isEmpty, code.count <= Self.mostDimensions, scale.isFinite, scale > 0
    else { return nil }
    self.model = model
    self.scale = Float(scale)
    self.code = code
  }

  /// The cosine of the angle to another embedding of the same dimensions: 1 for the same meaning, 0 for none in common.
  public func similarity(to other: Embedding) -> Float {
    guard code.count == other.code.count else { return 0 }
    let product = zip(code, other.code).reduce(into: Int32(0)) { $0 += Int32($1.0) * Int32($1.1) }
    return Float(product) * scale * other.scale
  }
}
