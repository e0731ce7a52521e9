import Foundation
public import GRDB
import Identity

/// What a tool takes: a JSON schema, checked and bounded, in one spelling.
public struct ToolParameters: Codable, Hashable, Sendable {
  /// The longest schema, in bytes.
  public static let longest = 64 * 1024
  /// How deep it may nest, itself included.
  public static let deepest = 32
  /// How many bytes of words a search looks at.
  static let longestWords = 8 * 1024

  /// The schema as JSON, its keys in order.
  public let json: String

  /// Takes an object and nothing else.
  /// - Throws: ``ToolError/badParameters(_:)``.
  public init(json: String) throws(ToolError) {
    let bytes = Array(json.utf8)
    guard bytes.count <= Self.longest else {
      throw .badParameters("the schema is longer than \(Self.longest / 1024) KiB")
    }
    // Every byte is looked at without recursion before a decoder that recurses sees it.
    guard bytes.withUnsafeBytes({ FlatJSON.scan($0) { _, _ in true } }),
      let schema = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
    else { throw .badParameters("the schema is not an object, or not JSON") }
    guard Self.nests(schema, atMost: Self.deepest) else {
      throw .badParameters("the schema nests more than \(Self.deepest) levels")
    }
    guard
      let data = try? JSONSerialization.data(
        withJSONObject: schema, options: [.sortedKeys, .withoutEscapingSlashes])
    else { throw .badParameters("the schema is not an object, or not JSON") }
    self.json = String(decoding: data, as: UTF8.self)
  }

  /// What was checked before it was kept.
  fileprivate init(kept json: String) { self.json = json }

  /// The names, titles and descriptions of parameters, and the values that they choose from.
  var words: String {
    guard let schema = try? JSONSerialization.jsonObject(with: Data(json.utf8)) else { return "" }
    return String(
      decoding: Self.words(in: schema).joined(separator: " ").utf8.prefix(Self.longestWords), as: UTF8.self)
  }

  private static func nests(_ value: Any, atMost levels: Int) -> Bool {
    switch value {
    case let object as [String: Any]: levels > 0 && object.values.allSatisfy { nests($0, atMost: levels - 1) }
    case let array as [Any]: levels > 0 && array.allSatisfy { nests($0, atMost: levels - 1) }
    default: true
    }
  }

  private static func words(in value: Any) -> [String] {
    switch value {
    case let object as [String: Any]:
      object.sorted { $0.key < $1.key }.flatMap { key, value -> [String] in
        switch (key, value) {
        case ("description", let text as String), ("title", let text as String): [text]
        case ("enum", let choices as [Any]): choices.compactMap { $0 as? String }
        case ("properties", let properties as [String: Any]):
          properties.sorted { $0.key < $1.key }.flatMap { [$0.key] + words(in: $0.value) }
        default: words(in: value)
        }
      }
    case let array as [Any]: array.flatMap { words(in: $0) }
    default: []
    }
  }
}

extension ToolParameters: DatabaseValueConvertible {
  public var databaseValue: DatabaseValue { json.databaseValue }

  public static func fromDatabaseValue(_ value: DatabaseValue) -> ToolParameters? {
    String.fromDatabaseValue(value).map(ToolParameters.init(kept:))
  }
}
