/// Keccak-256 with the original padding (0x01), as Ethereum uses it; not SHA3-256, which pads with 0x06.
///
/// Source: "The Keccak reference", version 3.0, with rate 1088 and capacity 512 bits.
public struct Keccak256 {
  /// Bytes absorbed between two permutations.
  private static let rate = 136

  private var lanes: InlineArray<25, UInt64> = .init(repeating: 0)
  private var filled = 0

  public init() {}

  /// The 32-byte digest of `bytes`.
  public static func hash(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var hash = Keccak256()
    hash.update(bytes)
    return hash.finish()
  }

  /// Absorbs more bytes.
  public mutating func update(_ bytes: some Sequence<UInt8>) {
    let contiguous: Void? = bytes.withContiguousStorageIfAvailable { update(UnsafeRawBufferPointer($0)) }
    if contiguous == nil { for byte in bytes { absorb(byte) } }
  }

  /// Absorbs more bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var index = 0
    while index < bytes.count, !filled.isMultiple(of: 8) {
      absorb(bytes[index])
      index += 1
    }
    while index + 8 <= bytes.count {
      lanes[filled / 8] ^= bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian
      index += 8
      filled += 8
      if filled == Self.rate { permute() }
    }
    while index < bytes.count {
      absorb(bytes[index])
      index += 1
    }
  }

  /// Absorbs the padding and gives the 32-byte digest. The state is of no use afterwards.
  public mutating func finish() -> [UInt8] {
    lanes[filled / 8] ^= 1 << UInt64(filled % 8 * 8)
    lanes[Self.rate / 8 - 1] ^= 0x80 << 56
    permute()
    return [UInt8](unsafeUninitializedCapacity: 32) { buffer, initialized in
      for lane in 0..<4 {
        UnsafeMutableRawBufferPointer(buffer).storeBytes(
          of: lanes[lane].littleEndian, toByteOffset: lane * 8, as: UInt64.self)
      }
      initialized = 32
    }
  }

  private mutating func absorb(_ byte: UInt8) {
    lanes[filled / 8] ^= UInt64(byte) << UInt64(filled % 8 * 8)
    filled += 1
    if filled == Self.rate { permute() }
  }

  private mutating func permute() {
    filled = 0
    var columns: InlineArray<5, UInt64> = .init(repeating: 0)
    for round in 0..<24 {
      // θ
      for x in 0..<5 {
        columns[x] = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
      }
      for x in 0..<5 {
        let mixed = columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotated(left: 1)
        for y in stride(from: x, to: 25, by: 5) { lanes[y] ^= mixed }
      }
      // ρ and π, along the one cycle that visits every lane but the first.
      var moving = lanes[1]
      for step in 0..<24 {
        let target = Self.path[step]
        let next = lanes[target]
        lanes[target] = moving.rotated(left: Self.rotations[step])
        moving = next
      }
      // χ
      for row in stride(from: 0, to: 25, by: 5) {
        for x in 0..<5 { columns[x] = lanes[row + x] }
        for x in 0..<5 { lanes[row + x] = columns[x] ^ (~columns[(x + 1) % 5] & columns[(x + 2) % 5]) }
      }
      // ι
      lanes[0] ^= Self.roundConstants[round]
    }
  }

  private static let path: InlineArray<24, Int> = [
    10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1,
  ]
  private static let rotations: InlineArray<24, UInt64> = [
    1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44,
  ]
  private static let roundConstants: InlineArray<24, UInt64> = [
    0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808a, 0x8000_0000_8000_8000,
    0x0000_0000_0000_808b, 0x0000_0000_8000_0001, 0x8000_0000_8000_8081, 0x8000_0000_0000_8009,
    0x0000_0000_0000_008a, 0x0000_0000_0000_0088, 0x0000_0000_8000_8009, 0x0000_0000_8000_000a,
    0x0000_0000_8000_808b, 0x8000_0000_0000_008b, 0x8000_0000_0000_8089, 0x8000_0000_0000_8003,
    0x8000_0000_0000_8002, 0x8000_0000_0000_0080, 0x0000_0000_0000_800a, 0x8000_0000_8000_000a,
    0x8000_0000_8000_8081, 0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
  ]
}

extension UInt64 {
  @inline(__always)
  fileprivate func rotated(left count: UInt64) -> UInt64 {
    self &<< count | self &>> (64 &- count)
  }
}
