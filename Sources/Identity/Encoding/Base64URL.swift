import CBase64

/// Base64 in the URL-safe alphabet, unpadded on output (RFC 4648 §5).
///
/// Input may also be in the standard alphabet, and may carry the padding that belongs to it: older peers send
/// such text (spec/01, 0.1). Whitespace, stray characters, a length of 1 mod 4, and bits left over in the last
/// character are refused.
public enum Base64URL {
  /// The length of the text for `count` bytes.
  public static func encodedCount(_ count: Int) -> Int { (count * 4 + 2) / 3 }

  /// Writes the text of `bytes` to `output`, which must have room for ``encodedCount(_:)`` characters.
  public static func encode(_ bytes: UnsafeRawBufferPointer, to output: UnsafeMutableRawPointer) {
    guard let input = bytes.baseAddress else { return }
    let done = cbase64_encode_blocks(
      input.assumingMemoryBound(to: UInt8.self), bytes.count, output.assumingMemoryBound(to: UInt8.self))
    Tables.encoding.withUnsafeBufferPointer { pairs in
      var source = done
      var target = done / 3 * 4
      // Six bytes become eight characters at a time, two characters a look-up.
      while source + 8 <= bytes.count {
        let word = UInt64(bigEndian: input.loadUnaligned(fromByteOffset: source, as: UInt64.self))
        let first = UInt64(pairs[Int(truncatingIfNeeded: word >> 52)])
        let second = UInt64(pairs[Int(truncatingIfNeeded: (word >> 40) & 0xfff)])
        let third = UInt64(pairs[Int(truncatingIfNeeded: (word >> 28) & 0xfff)])
        let fourth = UInt64(pairs[Int(truncatingIfNeeded: (word >> 16) & 0xfff)])
        let text = first | second << 16 | third << 32 | fourth << 48
        output.storeBytes(of: text.littleEndian, toByteOffset: target, as: UInt64.self)
        source += 6
        target += 8
      }
      while source + 3 <= bytes.count {
        let word = UInt32(bytes[source]) << 16 | UInt32(bytes[source + 1]) << 8 | UInt32(bytes[source + 2])
        let text = UInt32(pairs[Int(word >> 12)]) | UInt32(pairs[Int(word & 0xfff)]) << 16
        output.storeBytes(of: text.littleEndian, toByteOffset: target, as: UInt32.self)
        source += 3
        target += 4
      }
      switch bytes.count - source {
      case 1:
        let pair = pairs[Int(bytes[source]) << 4]
        output.storeBytes(of: pair.littleEndian, toByteOffset: target, as: UInt16.self)
      case 2:
        let word = UInt32(bytes[source]) << 10 | UInt32(bytes[source + 1]) << 2
        let pair = pairs[Int(word >> 6)]
        output.storeBytes(of: pair.littleEndian, toByteOffset: target, as: UInt16.self)
        let last = UInt8(truncatingIfNeeded: pairs[Int(word & 0x3f) << 6])
        output.storeBytes(of: last, toByteOffset: target + 2, as: UInt8.self)
      default: break
      }
    }
  }

  /// The text of `bytes`, as ASCII.
  public static func encode(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    let count = encodedCount(bytes.count)
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress, count > 0 { encode(bytes, to: base) }
      initialized = count
    }
  }

  /// The text of `bytes`.
  public static func string(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.withUnsafeBytes { encode($0) }, as: UTF8.self)
  }

  /// The number of bytes that `text` stands for, or nil when its length is impossible. Its characters are not
  /// looked at.
  public static func decodedCount(_ text: UnsafeRawBufferPointer) -> Int? {
    let count = unpaddedCount(text)
    return count % 4 == 1 ? nil : count * 3 / 4
  }

  /// Writes the bytes of `text` to `output`, which must have room for ``decodedCount(_:)`` bytes.
  /// - Returns: Whether the text was base64 of either alphabet; otherwise `output` holds nothing of use.
  public static func decode(_ text: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer) -> Bool
  {
    let count = unpaddedCount(text)
    guard count % 4 != 1, output.count >= count * 3 / 4 else { return false }
    return count == 0 || decode(text, count: count, into: output)
  }

  /// The bytes of `text`, or nil when it is not base64 of either alphabet.
  public static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard let count = decodedCount(text) else { return nil }
    var isValid = true
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      isValid = decode(text, to: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count))
      initialized = count
    }
    return isValid ? bytes : nil
  }

  /// The bytes of `text`, or nil when it is not base64 of either alphabet.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var text = String(text)
    return text.withUTF8 { decode(UnsafeRawBufferPointer($0)) }
  }

  private static let padding = UInt8(ascii: "=")

  private static func unpaddedCount(_ text: UnsafeRawBufferPointer) -> Int {
    let count = text.count
    guard count > 0, count.isMultiple(of: 4), text[count - 1] == padding else { return count }
    return count - (text[count - 2] == padding ? 2 : 1)
  }

  private static func decode(
    _ text: UnsafeRawBufferPointer, count: Int, into output: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let input = text.baseAddress, let target = output.baseAddress else { return false }
    let done = cbase64_decode_blocks(
      input.assumingMemoryBound(to: UInt8.self), count, target.assumingMemoryBound(to: UInt8.self),
      output.count)
    return Tables.decoding.withUnsafeBufferPointer { values in
      // Four characters become three bytes. A character outside the alphabet sets the top bit, which is gathered over
      // the whole text and looked at once.
      var invalid: UInt32 = 0
      var source = done
      var written = done / 4 * 3
      while source + 8 <= count, written + 8 <= output.count {
        let word = input.loadUnaligned(fromByteOffset: source, as: UInt64.self).littleEndian
        let high = quad(word, values)
        let low = quad(word >> 32, values)
        invalid |= high | low
        let bytes = UInt64(high) << 40 | UInt64(low) << 16
        target.storeBytes(of: bytes.bigEndian, toByteOffset: written, as: UInt64.self)
        source += 8
        written += 6
      }
      while source + 4 <= count {
        let value = quad(
          UInt64(input.loadUnaligned(fromByteOffset: source, as: UInt32.self).littleEndian), values)
        invalid |= value
        output[written] = UInt8(truncatingIfNeeded: value >> 16)
        output[written + 1] = UInt8(truncatingIfNeeded: value >> 8)
        output[written + 2] = UInt8(truncatingIfNeeded: value)
        source += 4
        written += 3
      }
      let left = count - source
      if left >= 2 {
        var value = values[Int(text[source])] | values[256 + Int(text[source + 1])]
        if left == 3 { value |= values[512 + Int(text[source + 2])] }
        output[written] = UInt8(truncatingIfNeeded: value >> 16)
        if left == 3 { output[written + 1] = UInt8(truncatingIfNeeded: value >> 8) }
        // The bits that belong to no byte have to be zero.
        invalid |= value & (left == 3 ? 0xff : 0xffff) == 0 ? value : Tables.outside
      }
      return invalid & Tables.outside == 0
    }
  }

  /// The 24 bits of the four characters in the low half of `word`, the first one in its lowest byte.
  @inline(__always)
  private static func quad(_ word: UInt64, _ values: UnsafeBufferPointer<UInt32>) -> UInt32 {
    values[Int(truncatingIfNeeded: word & 0xff)] | values[256 + Int(truncatingIfNeeded: (word >> 8) & 0xff)]
      | values[512 + Int(truncatingIfNeeded: (word >> 16) & 0xff)]
      | values[768 + Int(truncatingIfNeeded: (word >> 24) & 0xff)]
  }

  private enum Tables {
    private static let alphabet = [UInt8](
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The two characters of every twelve bits, the first one in the low byte.
    static let encoding: [UInt16] = (0..<4096).map { value in
      UInt16(alphabet[value >> 6]) | UInt16(alphabet[value & 63]) << 8
    }

    /// The mark of a character outside both alphabets.
    static let outside: UInt32 = 1 << 31

    /// The six bits of every character at each of the four places that it may have among 24 bits.
    static let decoding: [UInt32] = {
      var values = [UInt32](repeating: outside, count: 4 * 256)
      func set(_ character: UInt8, _ value: Int) {
        for place in 0..<4 { values[256 * place + Int(character)] = UInt32(value) << (18 - 6 * place) }
      }
      for (value, character) in alphabet.enumerated() { set(character, value) }
      set(UInt8(ascii: "+"), 62)
      set(UInt8(ascii: "/"), 63)
      return values
    }()
  }
}
