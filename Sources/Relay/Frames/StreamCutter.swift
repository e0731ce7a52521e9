public import NIOCore

/// Cuts a body that comes in pieces of any size into pieces for `stream_chunk`: at every line feed that ends what came, or when
/// 16 KiB have come, and never inside a character.
public struct StreamCutter: Sendable {
  /// The most bytes of a piece.
  public static let pieceBytes = 16 << 10

  private var held = ByteBuffer()

  public init() {}

  /// Takes bytes and gives what can be sent now.
  public mutating func add(_ bytes: ByteBuffer) -> [ByteBuffer] {
    held.writeImmutableBuffer(bytes)
    var pieces: [ByteBuffer] = []
    while held.readableBytes > Self.pieceBytes, let piece = held.readSlice(length: fullPiece) {
      pieces.append(piece)
    }
    let view = held.readableBytesView
    if let lineFeed = view.lastIndex(of: UInt8(ascii: "\n")),
      let piece = held.readSlice(length: lineFeed - view.startIndex + 1)
    {
      pieces.append(piece)
    }
    held.discardReadBytes()
    return pieces
  }

  /// What is left at the end of the body.
  public mutating func finish() -> ByteBuffer? {
    defer { held = ByteBuffer() }
    return held.readableBytes > 0 ? held : nil
  }

  /// The length of the longest piece that does not end inside a character, if these are characters.
  private var fullPiece: Int {
    let view = held.readableBytesView
    let limit = view.startIndex + Self.pieceBytes
    guard limit < view.endIndex else { return Self.pieceBytes }
    // The byte that the next piece would begin with must not be one that goes on.
    var end = limit
    while end > limit - 4, view[end] & 0xc0 == 0x80 { end -= 1 }
    return view[end] & 0xc0 == 0x80 ? Self.pieceBytes : end - view.startIndex
  }
}
