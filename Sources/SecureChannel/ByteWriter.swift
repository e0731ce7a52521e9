import Identity

/// Appends wire text to a byte buffer that was sized once.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func append(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(_ text: some Sequence<UInt8>) { bytes.append(contentsOf: text) }

  mutating func append(decimal number: UInt64) {
    if number < 10 { return bytes.append(UInt8(ascii: "0") + UInt8(number)) }
    var divisor: UInt64 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
      divisor /= 10
    }
  }

  mutating func append(base64URL content: UnsafeRawBufferPointer) {
    let count = Base64URL.encodedCount(content.count)
    bytes.append(addingCapacity: count) { (free: inout OutputSpan<UInt8>) in
      free.withUnsafeMutableBufferPointer { buffer, used in
        if let base = buffer.baseAddress { Base64URL.encode(content, to: base + used) }
        used += count
      }
    }
  }

  /// A JSON string with its quotes.
  mutating func append(jsonString text: String) { JSONString.append(text, to: &bytes) }
}
