import NIOCore

/// How much of a stream may be under way to a caller who has not taken it. (``TunnelFeatures/window``)
///
/// The host sends pieces while what it has sent is less than the window; the relay opens that further as the caller reads. All
/// numbers count from the beginning of the stream, so one that is lost, late or there twice does no harm: the next one says it
/// all again.
enum StreamWindow {
  /// How much an open stream has under way at most, where the relay has room for that.
  static let size = 1 << 20
  /// What it costs to keep a piece, however small.
  static let costOfPiece = 512

  /// How far a piece of so many bytes moves a stream on. An empty one, which only says that the stream lives, does not.
  static func cost(ofPiece bytes: Int) -> Int { bytes == 0 ? 0 : bytes + costOfPiece }

  /// The window for a relay that keeps so many bytes of a stream: the last piece may go beyond the window, and is kept as well.
  static func size(keeping bytes: Int) -> Int {
    max(1, min(size, bytes - cost(ofPiece: StreamCutter.pieceBytes)))
  }
}

/// The host's side of a ``StreamWindow``.
struct SendWindow: Hashable, Sendable {
  /// Below which pieces may be sent; the last one may go beyond it.
  private(set) var end: Int64
  private(set) var sent: Int64 = 0

  init(_ end: Int64) { self.end = end }

  var isOpen: Bool { sent < end }

  /// A piece of so many bytes is sent.
  mutating func spend(_ bytes: Int) { sent += Int64(StreamWindow.cost(ofPiece: bytes)) }

  /// The relay opens the window this far. It never closes it again.
  mutating func widen(to end: Int64) { self.end = max(self.end, end) }
}

/// The relay's side of a ``StreamWindow``.
struct ReceiveWindow: Hashable, Sendable {
  private let size: Int64
  /// What came, and what of that the caller took.
  private(set) var received: Int64 = 0
  private(set) var taken: Int64 = 0
  /// How far the host was told that the window is open.
  private(set) var told: Int64

  init(size: Int) {
    self.size = Int64(size)
    told = self.size
  }

  /// Whether the host may send nothing until the caller reads.
  var isUsedUp: Bool { received >= told }

  /// Pieces of this cost came.
  mutating func receive(_ cost: Int) { received += Int64(cost) }

  /// The caller took what cost so much.
  /// - Returns: How far the window is open now, where the host is to be told: whenever a quarter of it is new.
  mutating func take(_ cost: Int) -> Int64? {
    taken += Int64(cost)
    guard taken + size - told >= max(1, size / 4) else { return nil }
    told = taken + size
    return told
  }
}
