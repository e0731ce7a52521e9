import Identity
import NIOCore

/// The members of a frame that anybody knows, where they lie in its text. Only to be used while the text is there.
struct FrameMembers {
  enum Name: String, CaseIterable {
    case type, agents, address, signature, nonce, timestamp, ts, id, status, headers, body, bodyEncoding, data
    case method, path, error, rejected, reason, url, features, window
  }

  private let object: UnsafeRawBufferPointer
  private var values = [FlatJSON.Value?](repeating: nil, count: Name.allCases.count)
  private static let places: [String: Int] = Dictionary(
    uniqueKeysWithValues: Name.allCases.enumerated().map { ($1.rawValue, $0) })

  /// Reads one object. A member that is known and there twice is refused; one that is null is none.
  init(_ text: UnsafeRawBufferPointer) throws(FrameRefusal) {
    object = text
    var duplicate: Int?
    var values = values
    var seen = 0
    let isObject = FlatJSON.scan(text) { key, value in
      guard key.count <= 16, let place = Self.places[String(decoding: key, as: UTF8.self)] else {
        return true
      }
      guard seen & (1 << place) == 0 else {
        duplicate = place
        return false
      }
      seen |= 1 << place
      if !FlatJSON.isNull(value) { values[place] = value }
      return true
    }
    if let duplicate { throw .duplicate(Name.allCases[duplicate].rawValue) }
    guard isObject else { throw .notAnObject }
    self.values = values
  }

  subscript(name: Name) -> FlatJSON.Value? { values[Self.places[name.rawValue]!] }

  private func present(_ name: Name) throws(FrameRefusal) -> FlatJSON.Value {
    guard let value = self[name] else { throw .missing(name.rawValue) }
    return value
  }

  /// The frame's type; nil for a text that is too long to be one.
  func type() throws(FrameRefusal) -> String {
    guard let value = self[.type] else { throw .noType }
    guard let text = Self.text(value, limit: 64) else { throw .malformed(Name.type.rawValue) }
    return text
  }

  /// A string of at most so many bytes, its escapes counted.
  func text(_ name: Name, limit: Int) throws(FrameRefusal) -> String {
    guard let text = Self.text(try present(name), limit: limit) else { throw .malformed(name.rawValue) }
    return text
  }

  private static func text(_ value: FlatJSON.Value, limit: Int) -> String? {
    switch value {
    case .string(let content), .escaped(let content): content.count <= limit ? FlatJSON.text(value) : nil
    default: nil
    }
  }

  func integer(_ name: Name) throws(FrameRefusal) -> Int64 {
    guard let number = FlatJSON.integer(try present(name), as: Int64.self) else {
      throw .malformed(name.rawValue)
    }
    return number
  }

  /// A place in a stream.
  func window() throws(FrameRefusal) -> Int64 {
    let end = try integer(.window)
    guard end >= 0 else { throw .malformed(Name.window.rawValue) }
    return end
  }

  func id() throws(FrameRefusal) -> RequestID {
    guard let id = RequestID(try text(.id, limit: RequestID.byteLimit * 6)) else { throw .malformed("id") }
    return id
  }

  func address() throws(FrameRefusal) -> Address {
    guard let address = Address(ignoringChecksum: try text(.address, limit: 256)) else {
      throw .malformed("address")
    }
    return address
  }

  /// Names of features; what is no name is passed over, for it is not known either.
  func features() -> TunnelFeatures {
    var features: TunnelFeatures = []
    guard case .array = self[.features] else { return features }
    _ = FrameArray.elements(of: .features, in: object) { text in
      if text.count <= 64, text.count > 2 {
        features.insert(named: String(decoding: text.dropFirst().dropLast(), as: UTF8.self))
      }
      return true
    }
    return features
  }

  /// The objects of an array; none where it is missing.
  func objects<Element>(
    _ name: Name, _ limits: FrameLimits, _ read: (FrameMembers) throws(FrameRefusal) -> Element
  ) throws(FrameRefusal) -> [Element] {
    guard let value = self[name] else { return [] }
    guard case .array = value else { throw .malformed(name.rawValue) }
    var elements: [Element] = []
    var refusal: FrameRefusal?
    let areAll = FrameArray.elements(of: name, in: object) { text in
      guard elements.count < limits.agents else {
        refusal = .tooMany(name.rawValue)
        return false
      }
      do throws(FrameRefusal) {
        elements.append(try read(try FrameMembers(text)))
      } catch {
        refusal = error == .notAnObject ? .malformed(name.rawValue) : error
      }
      return refusal == nil
    }
    if let refusal { throw refusal }
    guard areAll else { throw .malformed(name.rawValue) }
    return elements
  }

  /// A flat map of strings, measured without the escapes of JSON. No headers are none.
  func headers(_ limits: FrameLimits) throws(FrameRefusal) -> RelayHeaders {
    guard let value = self[.headers] else { return [:] }
    guard case .object(let text) = value else { throw .malformed("headers") }
    var headers = RelayHeaders()
    var refusal: FrameRefusal?
    var (count, bytes) = (0, 0)
    _ = FlatJSON.scan(text) { key, value in
      count += 1
      bytes += key.count
      guard count <= limits.headerFields else {
        refusal = .tooMany("headers")
        return false
      }
      guard key.count <= limits.headerBytes else {
        refusal = .tooLong("headers")
        return false
      }
      guard let text = Self.text(value, limit: limits.headerBytes * 6) else {
        refusal = Self.text(value, limit: .max) == nil ? .malformed("headers") : .tooLong("headers")
        return false
      }
      bytes += text.utf8.count
      guard bytes <= limits.headerBytes else {
        refusal = .tooLong("headers")
        return false
      }
      let name = String(decoding: key, as: UTF8.self)
      if headers[name.lowercased()] != nil {
        refusal = .duplicate("headers")
      } else if !headers.add(name, text) {
        refusal = .malformed("headers")
      }
      return refusal == nil
    }
    if let refusal { throw refusal }
    return headers
  }

  /// The bytes of `body` or `data`, which may be in base64. No body is an empty one; a stream's data has to be there.
  func bytes(_ name: Name, limit: Int) throws(FrameRefusal) -> ByteBuffer {
    guard let value = self[name] else {
      if name == .body { return ByteBuffer() }
      throw .missing(name.rawValue)
    }
    var isBase64 = false
    if self[.bodyEncoding] != nil { isBase64 = try text(.bodyEncoding, limit: 64).lowercased() == "base64" }
    var isTooLong = false
    let buffer = FlatJSON.withText(value) { text -> ByteBuffer? in
      guard isBase64 else {
        isTooLong = text.count > limit
        return isTooLong ? nil : ByteBuffer(bytes: text)
      }
      guard let count = Base64URL.decodedCount(text) else { return nil }
      isTooLong = count > limit
      guard !isTooLong else { return nil }
      var buffer = ByteBuffer()
      var isValid = false
      buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { output in
        isValid = Base64URL.decode(text, to: UnsafeMutableRawBufferPointer(rebasing: output[..<count]))
        return isValid ? count : 0
      }
      return isValid ? buffer : nil
    }
    if isTooLong { throw .tooLong(name.rawValue) }
    guard let buffer = buffer ?? nil else { throw .malformed(name.rawValue) }
    return buffer
  }
}
