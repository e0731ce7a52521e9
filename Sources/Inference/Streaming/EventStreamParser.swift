/// Takes a stream of server-sent events apart, however its bytes are cut: LF, CR and CRLF line ends, comments,
/// several `data` lines an event, a byte order mark. Only the data of events is kept.
///
/// Source: WHATWG HTML, "Server-sent events", 9.2.6.
struct EventStreamParser {
  /// The most bytes in one line and in one event.
  static let lineLimit = 1 << 20
  static let eventLimit = 4 << 20

  /// A line or an event is larger than any server's answer could be.
  struct TooLarge: Error {}

  private var line: [UInt8] = []
  private var data: [UInt8] = []
  private var hasData = false
  private var skipsLineFeed = false
  private var isAtStart = true

  /// Reads the next bytes and returns the data of each event that they complete.
  mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(TooLarge) -> [[UInt8]] {
    var events: [[UInt8]] = []
    var start = bytes.startIndex
    for index in bytes.indices {
      let byte = bytes[index]
      if skipsLineFeed {
        skipsLineFeed = false
        if byte == UInt8(ascii: "\n") {
          start = index + 1
          continue
        }
      }
      guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else { continue }
      try append(bytes[start..<index])
      start = index + 1
      skipsLineFeed = byte == UInt8(ascii: "\r")
      if let event = try endLine() { events.append(event) }
    }
    try append(bytes[start...])
    return events
  }

  /// Ends the stream: the data of a last event whose blank line never came.
  mutating func finish() throws(TooLarge) -> [UInt8]? {
    if !line.isEmpty { _ = try endLine() }
    return takeEvent()
  }

  private mutating func append(_ bytes: Slice<UnsafeRawBufferPointer>) throws(TooLarge) {
    guard line.count + bytes.count <= Self.lineLimit else { throw TooLarge() }
    line.append(contentsOf: bytes)
  }

  private mutating func endLine() throws(TooLarge) -> [UInt8]? {
    defer { line.removeAll(keepingCapacity: true) }
    if isAtStart {
      isAtStart = false
      if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
    }
    if line.isEmpty { return takeEvent() }
    guard line.starts(with: Array("data".utf8)) else { return nil }
    var value = line.dropFirst(4)
    if let colon = value.first {
      guard colon == UInt8(ascii: ":") else { return nil }
      value = value.dropFirst()
      if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    }
    guard data.count + value.count < Self.eventLimit else { throw TooLarge() }
    if hasData { data.append(UInt8(ascii: "\n")) }
    data.append(contentsOf: value)
    hasData = true
    return nil
  }

  private mutating func takeEvent() -> [UInt8]? {
    guard hasData else { return nil }
    defer {
      data = []
      hasData = false
    }
    return data
  }
}
