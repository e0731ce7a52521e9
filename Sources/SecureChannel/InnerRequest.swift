import Identity

/// The request inside a call: what an ordinary HTTP request says, without the connection. (spec/01, B1)
public struct InnerRequest: Hashable, Sendable {
  public var method: String
  /// Begins with `/` and may carry a query.
  public var path: String
  public var authorization: String?
  public var accept: String?
  public var contentType: String?
  public var headers: [String: String]?
  public var body: [UInt8]?

  public init(
    method: String, path: String, authorization: String? = nil, accept: String? = nil,
    contentType: String? = nil, headers: [String: String]? = nil, body: [UInt8]? = nil
  ) {
    self.method = method
    self.path = path
    self.authorization = authorization
    self.accept = accept
    self.contentType = contentType
    self.headers = headers
    self.body = body
  }

  /// The longest path, in bytes, its query included.
  static let pathLimit = 64 << 10

  /// The longest text of all headers together, in bytes.
  static let headersLimit = 64 << 10

  /// Reads what a call held.
  /// - Throws: ``SecureChannelError/malformedInnerRequest`` for anything that is no such request, for a body that
  ///   is not base64url, for headers that are too long, and for a path that may not be asked for inside the channel.
  init(parsing text: UnsafeRawBufferPointer) throws(SecureChannelError) {
    var method: String?
    var path: String?
    var authorization: String?
    var accept: String?
    var contentType: String?
    var headers: [String: String]?
    var body: [UInt8]?
    let isObject = FlatJSON.scan(text) { key, value in
      if FlatJSON.isKey(key, "method") { return FlatJSON.fill(&method, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "path") { return FlatJSON.fill(&path, FlatJSON.text(value)) }
      // The others may be missing, and null is that.
      if FlatJSON.isNull(value) { return true }
      if FlatJSON.isKey(key, "body") {
        return FlatJSON.fill(&body, FlatJSON.withText(value) { Base64URL.decode($0) } ?? nil)
      }
      if FlatJSON.isKey(key, "headers") { return FlatJSON.fill(&headers, Self.headers(value)) }
      if FlatJSON.isKey(key, "authorization") { return FlatJSON.fill(&authorization, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "accept") { return FlatJSON.fill(&accept, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "contentType") { return FlatJSON.fill(&contentType, FlatJSON.text(value)) }
      return true
    }
    guard isObject, let method, let path else { throw .malformedInnerRequest }
    self.init(
      method: method, path: path, authorization: authorization, accept: accept, contentType: contentType,
      headers: headers, body: body)
    guard isAllowed else { throw .malformedInnerRequest }
    self.method = method.uppercased()
  }

  /// Whether this may be asked inside the channel: a plain method and path, and no second envelope.
  private var isAllowed: Bool {
    guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= Self.pathLimit,
      path.utf8.allSatisfy({ 0x21...0x7e ~= $0 })
    else { return false }
    guard !method.isEmpty, method.utf8.allSatisfy({ UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 & 0xdf })
    else { return false }
    return !RequestPath.leadsToChannel(path)
  }

  private static func headers(_ value: FlatJSON.Value) -> [String: String]? {
    guard case .object(let text) = value, text.count <= headersLimit else { return nil }
    var headers: [String: String] = [:]
    let areTexts = FlatJSON.scan(text) { key, value in
      FlatJSON.fill(&headers[String(decoding: key, as: UTF8.self)], FlatJSON.text(value))
    }
    return areTexts ? headers : nil
  }

  /// What a call holds.
  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: Base64URL.encodedCount(body?.count ?? 0) + 512)
    var separator: StaticString = "{"
    func member(_ name: StaticString, _ value: String?) {
      guard let value else { return }
      writer.append(separator)
      writer.append(name)
      writer.append(jsonString: value)
      separator = ","
    }
    member("\"accept\":", accept)
    member("\"authorization\":", authorization)
    if let body {
      writer.append(separator)
      writer.append("\"body\":\"")
      body.withUnsafeBytes { writer.append(base64URL: $0) }
      writer.append("\"")
      separator = ","
    }
    member("\"contentType\":", contentType)
    if let headers {
      writer.append(separator)
      writer.append("\"headers\":{")
      for (index, header) in headers.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { writer.append(",") }
        writer.append(jsonString: header.key)
        writer.append(":")
        writer.append(jsonString: header.value)
      }
      writer.append("}")
      separator = ","
    }
    member("\"method\":", method)
    member("\"path\":", path)
    writer.append("}")
    return writer.bytes
  }
}

/// Shows what is asked for, never the access key, the headers or the body.
extension InnerRequest: CustomStringConvertible, CustomReflectable {
  public var description: String { "\(method) \(path), \(body?.count ?? 0) bytes" }
  public var customMirror: Mirror { Mirror(self, children: ["method": method, "path": path]) }
}
