/// Cuts a stream of server-sent events into the data of each. Events end at an empty line made of two line feeds;
/// several `data:` lines are joined, events without data are passed over. (spec/01, B7)
public struct EventStreamDecoder: Sendable {
  /// An event was longer than the limit.
  public struct Oversized: Error, Hashable {}

  private let limit: Int
  private var pending: [UInt8] = []
  /// Up to where `pending` is known to hold no end of an event.
  private var scanned = 0

  /// - Parameter limit: the longest event, in bytes.
  public init(limit: Int = 48 * 1024 * 1024) { self.limit = limit }

  /// Takes more of the stream and gives the data of the events that are complete.
  /// - Throws: ``Oversized``.
  public mutating func feed(_ bytes: some Collection<UInt8>) throws(Oversized) -> [[UInt8]] {
    pending.append(contentsOf: bytes)
    var events: [[UInt8]] = []
    var start = 0
    var index = max(scanned, 1)
    while index < pending.count {
      if pending[index] == 0x0a, pending[index - 1] == 0x0a, index - 1 >= start {
        guard index - 1 - start <= limit else { throw Oversized() }
        if let data = Self.data(of: pending[start..<index - 1]) { events.append(data) }
        start = index + 1
        index += 2
      } else {
        index += 1
      }
    }
    if start > 0 { pending.removeFirst(start) }
    scanned = max(pending.count - 1, 0)
    // A line feed at the end may be the first half of an event's end.
    guard pending.count - (pending.last == 0x0a ? 1 : 0) <= limit else { throw Oversized() }
    return events
  }

  private static let field = Array("data:".utf8)

  private static func data(of event: ArraySlice<UInt8>) -> [UInt8]? {
    var data: [UInt8] = []
    var hasData = false
    for line in event.split(separator: 0x0a) where line.starts(with: field) {
      var value = line.dropFirst(field.count)
      if value.first == 0x20 { value = value.dropFirst() }
      if hasData { data.append(0x0a) }
      data.append(contentsOf: value)
      hasData = true
    }
    return hasData ? data : nil
  }
}
