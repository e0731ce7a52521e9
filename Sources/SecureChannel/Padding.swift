/// Padding of what is sealed, so that its length says little: content ‖ 0x80 ‖ 0x00…, up to a size that many contents
/// share (ISO/IEC 7816-4). (Docs/SECURE_CHANNEL.md)
///
/// The sizes are the powers of two from 512 bytes to 64 KiB, and the multiples of 64 KiB. JSON never ends in 0x80 or
/// 0x00, so a request tells by itself whether it is padded; its answer is padded if it is.
public enum Padding {
  /// What a client asks with inside the channel, and the word that it asks with; hosts that do not pad pass it over.
  public static let header = "X-Osaurus-Padding"
  public static let version = 1

  static let smallest = 512
  static let step = 64 << 10
  private static let mark: UInt8 = 0x80

  /// The size to which so many bytes of content are padded: the least that also has room for the mark.
  static func size(for count: Int) -> Int {
    if count < smallest { return smallest }
    if count >= step { return (count / step + 1) * step }
    return 1 << (Int.bitWidth - count.leadingZeroBitCount)
  }

  /// The content with its padding.
  static func padded(_ content: UnsafeRawBufferPointer) -> [UInt8] {
    let size = size(for: content.count)
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      bytes.copyMemory(from: content)
      bytes[content.count] = mark
      UnsafeMutableRawBufferPointer(rebasing: bytes[(content.count + 1)...]).initializeMemory(
        as: UInt8.self, repeating: 0)
      count = size
    }
  }

  /// Whether JSON is followed by padding, good or bad.
  static func follows(_ text: UnsafeRawBufferPointer) -> Bool { text.last == mark || text.last == 0 }

  /// How many bytes of content there are before the padding; nil where it is none that ``padded(_:)`` makes.
  static func contentCount(of padded: UnsafeRawBufferPointer) -> Int? {
    guard let end = padded.lastIndex(where: { $0 != 0 }), padded[end] == mark, size(for: end) == padded.count
    else { return nil }
    return end
  }
}
