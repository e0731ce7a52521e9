/// The beginning and the end of a stream, in bounded memory.
struct OutputBuffer {
  /// Bytes of a stream that are kept.
  static let capacity = 512 << 10

  private let half: Int
  private var head: [UInt8] = []
  private var ring: [UInt8] = []
  /// Where the oldest byte of a full ring is.
  private var oldest = 0
  /// All bytes so far.
  private(set) var total = 0

  init(capacity: Int = Self.capacity) { half = capacity / 2 }

  mutating func append(_ bytes: some Collection<UInt8>) {
    total += bytes.count
    let room = half - head.count
    head.append(contentsOf: bytes.prefix(room))
    // Of more than fits, only the end matters.
    for byte in bytes.dropFirst(room).suffix(half) {
      if ring.count < half {
        ring.append(byte)
      } else {
        ring[oldest] = byte
        oldest = oldest + 1 == half ? 0 : oldest + 1
      }
    }
  }

  var captured: CapturedOutput {
    let tail = Array(ring[oldest...] + ring[..<oldest])
    return CapturedOutput(head: head, tail: tail, dropped: total - head.count - tail.count)
  }
}
