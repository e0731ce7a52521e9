import Identity

/// The answer inside a buffered frame. (spec/01, B1)
public struct InnerResponse: Hashable, Sendable {
  public var status: Int
  public var contentType: String?
  public var body: [UInt8]?

  public init(status: Int, contentType: String? = nil, body: [UInt8]? = nil) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// What HTTP can say (RFC 9110 §15).
  private static let statuses = 100...999

  /// Reads what a frame held.
  /// - Throws: ``SecureChannelError/malformedFrame``.
  public init(parsing text: UnsafeRawBufferPointer) throws(SecureChannelError) {
    if let response = Self.fast(text) {
      self = response
      return
    }
    guard let message = WireJSON.decode(Message.self, from: text), Self.statuses ~= message.status else {
      throw .malformedFrame
    }
    self.init(status: message.status, contentType: message.contentType)
    if let encoded = message.body {
      guard let decoded = Base64URL.decode(encoded) else { throw .malformedFrame }
      body = decoded
    }
  }

  private struct Message: Decodable {
    let status: Int
    let contentType: String?
    let body: String?
  }

  private static func fast(_ text: UnsafeRawBufferPointer) -> InnerResponse? {
    var status: Int?
    var contentType: String?
    var body: [UInt8]?
    let isFlat = FlatJSON.scan(text) { key, value in
      if FlatJSON.isKey(key, "status"), status == nil, case .unsigned(let number) = value,
        let code = Int(exactly: number), statuses ~= code
      {
        status = code
        return true
      }
      if FlatJSON.isKey(key, "contentType"), contentType == nil {
        contentType = FlatJSON.text(value)
        return contentType != nil
      }
      if FlatJSON.isKey(key, "body"), body == nil, case .string(let content) = value {
        body = Base64URL.decode(content)
        return body != nil
      }
      return false
    }
    guard isFlat, let status else { return nil }
    return InnerResponse(status: status, contentType: contentType, body: body)
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
    writer.append("\"status\":\(status)}".utf8)
    return writer.bytes
  }
}
