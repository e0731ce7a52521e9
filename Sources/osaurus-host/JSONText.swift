import Foundation

/// JSON for scripts: sorted keys, no escaped slashes, one trailing line end left to the caller.
enum JSONText {
  private static func encoder(pretty: Bool) -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    encoder.dateEncodingStrategy = .iso8601
    return encoder
  }

  static func encode(_ value: some Encodable) throws -> String {
    String(decoding: try encoder(pretty: true).encode(value), as: UTF8.self)
  }

  /// One line.
  static func line(_ value: some Encodable) -> String {
    (try? encoder(pretty: false).encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  /// A flat object; absent values are left out.
  static func object(_ members: [String: String?]) -> String {
    let present = members.compactMapValues { $0 }
    guard let data = try? encoder(pretty: true).encode(present) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }
}
