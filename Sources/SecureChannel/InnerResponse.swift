import Identity

/// The answer inside a buffered frame. (spec/01, B1)
public struct InnerResponse: Hashable, Sendable {
  public var status: Int
  public var contentType: String?
  public var body: [UInt8]?
  /// The version of the padding that the server offers to one who asked for it; nil to everybody else.
  public var padding: Int?

  public init(status: Int, contentType: String? = nil, body: [UInt8]? = nil, padding: Int? = nil) {
    self.status = status
    self.contentType = contentType
    self.body = body
    self.padding = padding
  }

  /// What HTTP can say (RFC 9110 §15).
  private static let statuses = 100...999

  /// Reads what a frame held.
  /// - Throws: ``SecureChannelError/malformedFrame``.
  public init(parsing text: UnsafeRawBufferPointer) throws(SecureChannelError) {
    var status: Int?
    var contentType: String?
    var body: [UInt8]?
    var padding: Int?
    let isObject = FlatJSON.scan(text) { key, value in
      if FlatJSON.isKey(key, "status") { return FlatJSON.fill(&status, FlatJSON.integer(value)) }
      if FlatJSON.isKey(key, "contentType") {
        return FlatJSON.isNull(value) || FlatJSON.fill(&contentType, FlatJSON.text(value))
      }
      if FlatJSON.isKey(key, "body") {
        return FlatJSON.isNull(value)
          || FlatJSON.fill(&body, FlatJSON.withText(value) { Base64URL.decode($0) } ?? nil)
      }
      // What is no number offers nothing.
      if FlatJSON.isKey(key, "padding"), padding == nil { padding = FlatJSON.integer(value) }
      return true
    }
    guard isObject, let status, Self.statuses ~= status else { throw .malformedFrame }
    self.init(status: status, contentType: contentType, body: body, padding: padding)
  }

  /// What a frame holds: keys in order.
  public func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: Base64URL.encodedCount(body?.count ?? 0) + 128)
    writer.append("{")
    if let body {
      writer.append("\"body\":\"")
      body.withUnsafeBytes { writer.append(base64URL: $0) }
      writer.append("\",")
    }
    if let contentType {
      writer.append("\"contentType\":")
      writer.append(jsonString: contentType)
      writer.append(",")
    }
    if let padding { writer.append("\"padding\":\(padding),".utf8) }
    writer.append("\"status\":\(status)}".utf8)
    return writer.bytes
  }
}
