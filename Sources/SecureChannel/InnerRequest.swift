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

  /// Reads what a call held.
  /// - Throws: ``SecureChannelError/malformedInnerRequest`` for anything that is no such request, for a body that
  ///   is not base64url, and for a path that may not be asked for inside the channel.
  init(parsing text: UnsafeRawBufferPointer) throws(SecureChannelError) {
    if let request = Self.fast(text) {
      self = request
    } else {
      guard let message = WireJSON.decode(Message.self, from: text) else { throw .malformedInnerRequest }
      self.init(
        method: message.method, path: message.path, authorization: message.authorization,
        accept: message.accept, contentType: message.contentType, headers: message.headers)
      if let encoded = message.body {
        guard let decoded = Base64URL.decode(encoded) else { throw .malformedInnerRequest }
        body = decoded
      }
    }
    guard isAllowed else { throw .malformedInnerRequest }
    method = method.uppercased()
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

  private struct Message: Decodable {
    let method: String
    let path: String
    let authorization: String?
    let accept: String?
    let contentType: String?
    let headers: [String: String]?
    let body: String?
  }

  /// The same for the plain form that every sender uses; nil leaves the text to the decoder.
  private static func fast(_ text: UnsafeRawBufferPointer) -> InnerRequest? {
    var request = InnerRequest(method: "", path: "")
    var seen: Set<String> = []
    let isFlat = FlatJSON.scan(text) { key, value in
      let name = String(decoding: key, as: UTF8.self)
      guard seen.insert(name).inserted else { return false }
      switch (name, value) {
      case ("body", .string(let content)):
        request.body = Base64URL.decode(content)
        return request.body != nil
      case ("headers", .object(let content)):
        var headers: [String: String] = [:]
        let isPlain = FlatJSON.scan(content) { key, value in
          guard let text = FlatJSON.text(value) else { return false }
          return headers.updateValue(text, forKey: String(decoding: key, as: UTF8.self)) == nil
        }
        request.headers = headers
        return isPlain
      default:
        guard let text = FlatJSON.text(value) else { return false }
        switch name {
        case "method": request.method = text
        case "path": request.path = text
        case "authorization": request.authorization = text
        case "accept": request.accept = text
        case "contentType": request.contentType = text
        default: return false
        }
        return true
      }
    }
    return isFlat && seen.contains("method") && seen.contains("path") ? request : nil
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
