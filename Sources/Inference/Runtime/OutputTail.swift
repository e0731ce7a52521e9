import ForeignText

/// The last words of a program: at most 8 KiB.
struct OutputTail: Sendable {
  static let limit = 8 << 10
  private var bytes: [UInt8] = []

  mutating func append(_ new: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: new.suffix(Self.limit))
    if bytes.count > Self.limit { bytes.removeFirst(bytes.count - Self.limit) }
  }

  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The last line that is not empty.
  var lastLine: String? {
    text.split(whereSeparator: \.isNewline).last.map { ForeignText.oneLine($0, limit: 300) }
  }
}
