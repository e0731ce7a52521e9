import Foundation
import Identity
public import NIOCore

/// Writes an object of JSON whose members come in ascending order of their names, without spaces, with slashes as they
/// are. (spec/01, 0.4: encoder C)
struct FrameWriter {
  private(set) var text: [UInt8] = [UInt8(ascii: "{")]
  #if DEBUG
    private var last = ""
  #endif

  private mutating func name(_ name: String) {
    #if DEBUG
      precondition(last < name, "\(name) does not come after \(last)")
      last = name
    #endif
    if text.count > 1 { text.append(UInt8(ascii: ",")) }
    JSONString.append(name, to: &text)
    text.append(UInt8(ascii: ":"))
  }

  mutating func member(_ name: String, _ value: String) {
    self.name(name)
    JSONString.append(value, to: &text)
  }

  mutating func member(_ name: String, _ value: Int64) {
    self.name(name)
    text += String(value).utf8
  }

  mutating func member(_ name: String, _ values: [String]) {
    self.name(name)
    text.append(UInt8(ascii: "["))
    for (index, value) in values.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      JSONString.append(value, to: &text)
    }
    text.append(UInt8(ascii: "]"))
  }

  mutating func member<Element>(
    _ name: String, _ elements: [Element], _ write: (Element, inout FrameWriter) -> Void
  ) {
    self.name(name)
    text.append(UInt8(ascii: "["))
    for (index, element) in elements.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      var object = FrameWriter()
      write(element, &object)
      text += object.finish()
    }
    text.append(UInt8(ascii: "]"))
  }

  mutating func member(_ name: String, _ headers: RelayHeaders) {
    self.name(name)
    var object = FrameWriter()
    for (name, value) in headers.fields.sorted(by: { $0.key < $1.key }) { object.member(name, value) }
    text += object.finish()
  }

  /// Bytes as text where they are UTF-8, else in base64 with a member that says so.
  /// - Parameters:
  ///   - name: a name before which, or after which, `bodyEncoding` stands as it should.
  ///   - shortest: whether text whose escapes make it longer than base64 is in that, too.
  mutating func member(_ name: String, _ bytes: ByteBuffer, shortest: Bool = false) {
    if !(shortest && bytes.writtenCount > bytes.base64Count), let string = bytes.validUTF8 {
      member(name, string)
      return
    }
    let base64 = Data(bytes.readableBytesView).base64EncodedString()
    if name < "bodyEncoding" { member(name, base64) }
    member("bodyEncoding", "base64")
    if name > "bodyEncoding" { member(name, base64) }
  }

  consuming func finish() -> [UInt8] {
    text.append(UInt8(ascii: "}"))
    return text
  }
}

extension ByteBuffer {
  /// The readable bytes as text, where they are UTF-8 from the first byte to the last.
  var validUTF8: String? {
    withUnsafeReadableBytes { bytes in
      String(validating: bytes, as: UTF8.self)
    }
  }

  /// How many bytes they are as a string of JSON, with its escapes.
  fileprivate var writtenCount: Int {
    withUnsafeReadableBytes { bytes in
      var count = 2
      for byte in bytes { count += JSONString.writtenCount(of: byte) }
      return count
    }
  }

  /// How many they are in base64, with the member that says so.
  fileprivate var base64Count: Int {
    2 + (readableBytes + 2) / 3 * 4 + #","bodyEncoding":"base64""#.utf8.count
  }

  /// How many bytes a frame has of them.
  /// - Parameter shortest: as for `FrameWriter.member(_:_:shortest:)`.
  func memberCount(shortest: Bool) -> Int {
    guard isUTF8 else { return base64Count }
    return shortest ? min(writtenCount, base64Count) : writtenCount
  }

  /// Whether the readable bytes are UTF-8 from the first byte to the last.
  public var isUTF8: Bool {
    withUnsafeReadableBytes { bytes in
      do {
        _ = try UTF8Span(validating: bytes.assumingMemoryBound(to: UInt8.self).span)
        return true
      } catch {
        return false
      }
    }
  }
}
