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
    var members = Members()
    let isFlat = FlatJSON.scan(text) { key, value in
      switch value {
      case .string(let content) where FlatJSON.isKey(key, "body"):
        request.body = Base64URL.decode(content)
        return members.insert(.body).inserted && request.body != nil
      case .object(let content) where FlatJSON.isKey(key, "headers"):
        request.headers = headers(content)
        return members.insert(.headers).inserted && request.headers != nil
      default:
        guard let text = FlatJSON.text(value), let member = Members(key), members.insert(member).inserted
        else {
          return false
        }
        switch member {
        case .method: request.method = text
        case .path: request.path = text
        case .authorization: request.authorization = text
        case .accept: request.accept = text
        default: request.contentType = text
        }
        return true
      }
    }
    return isFlat && members.isSuperset(of: [.method, .path]) ? request : nil
  }

  private static func headers(_ object: UnsafeRawBufferPointer) -> [String: String]? {
    var headers: [String: String] = [:]
    let isPlain = FlatJSON.scan(object) { key, value in
      guard let text = FlatJSON.text(value) else { return false }
      return headers.updateValue(text, forKey: String(decoding: key, as: UTF8.self)) == nil
    }
    return isPlain ? headers : nil
  }

  /// The members of a request that were read already.
  private struct Members: OptionSet {
    let rawValue: UInt8

    static let method = Members(rawValue: 1)
    static let path = Members(rawValue: 2)
    static let authorization = Members(rawValue: 4)
    static let accept = Members(rawValue: 8)
    static let contentType = Members(rawValue: 16)
    static let headers = Members(rawValue: 32)
    static let body = Members(rawValue: 64)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The member of that name whose value is a text.
    init?(_ key: UnsafeRawBufferPointer) {
      if FlatJSON.isKey(key, "method") {
        self = .method
      } else if FlatJSON.isKey(key, "path") {
        self = .path
      } else if FlatJSON.isKey(key, "authorization") {
        self = .authorization
      } else if FlatJSON.isKey(key, "accept") {
        self = .accept
      } else if FlatJSON.isKey(key, "contentType") {
        self = .contentType
      } else {
        return nil
      }
    }
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
