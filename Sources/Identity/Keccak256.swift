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

  /// Keccak-f[1600]: the 24 rounds, with the 25 lanes in variables of their own, so that no index is computed
  /// and they can stay in registers.
  private mutating func permute() {
    filled = 0
    var (a0, a1, a2, a3, a4) = (lanes[0], lanes[1], lanes[2], lanes[3], lanes[4])
    var (a5, a6, a7, a8, a9) = (lanes[5], lanes[6], lanes[7], lanes[8], lanes[9])
    var (a10, a11, a12, a13, a14) = (lanes[10], lanes[11], lanes[12], lanes[13], lanes[14])
    var (a15, a16, a17, a18, a19) = (lanes[15], lanes[16], lanes[17], lanes[18], lanes[19])
    var (a20, a21, a22, a23, a24) = (lanes[20], lanes[21], lanes[22], lanes[23], lanes[24])
    for round in 0..<24 {
      // θ
      let c0 = a0 ^ a5 ^ a10 ^ a15 ^ a20
      let c1 = a1 ^ a6 ^ a11 ^ a16 ^ a21
      let c2 = a2 ^ a7 ^ a12 ^ a17 ^ a22
      let c3 = a3 ^ a8 ^ a13 ^ a18 ^ a23
      let c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24
      let d0 = c4 ^ c1.rotated(left: 1)
      let d1 = c0 ^ c2.rotated(left: 1)
      let d2 = c1 ^ c3.rotated(left: 1)
      let d3 = c2 ^ c4.rotated(left: 1)
      let d4 = c3 ^ c0.rotated(left: 1)
      // ρ and π
      let b0 = a0 ^ d0
      let b1 = (a6 ^ d1).rotated(left: 44)
      let b2 = (a12 ^ d2).rotated(left: 43)
      let b3 = (a18 ^ d3).rotated(left: 21)
      let b4 = (a24 ^ d4).rotated(left: 14)
      let b5 = (a3 ^ d3).rotated(left: 28)
      let b6 = (a9 ^ d4).rotated(left: 20)
      let b7 = (a10 ^ d0).rotated(left: 3)
      let b8 = (a16 ^ d1).rotated(left: 45)
      let b9 = (a22 ^ d2).rotated(left: 61)
      let b10 = (a1 ^ d1).rotated(left: 1)
      let b11 = (a7 ^ d2).rotated(left: 6)
      let b12 = (a13 ^ d3).rotated(left: 25)
      let b13 = (a19 ^ d4).rotated(left: 8)
      let b14 = (a20 ^ d0).rotated(left: 18)
      let b15 = (a4 ^ d4).rotated(left: 27)
      let b16 = (a5 ^ d0).rotated(left: 36)
      let b17 = (a11 ^ d1).rotated(left: 10)
      let b18 = (a17 ^ d2).rotated(left: 15)
      let b19 = (a23 ^ d3).rotated(left: 56)
      let b20 = (a2 ^ d2).rotated(left: 62)
      let b21 = (a8 ^ d3).rotated(left: 55)
      let b22 = (a14 ^ d4).rotated(left: 39)
      let b23 = (a15 ^ d0).rotated(left: 41)
      let b24 = (a21 ^ d1).rotated(left: 2)
      // χ and ι
      a0 = b0 ^ (~b1 & b2) ^ Self.roundConstants[round]
      a1 = b1 ^ (~b2 & b3)
      a2 = b2 ^ (~b3 & b4)
      a3 = b3 ^ (~b4 & b0)
      a4 = b4 ^ (~b0 & b1)
      a5 = b5 ^ (~b6 & b7)
      a6 = b6 ^ (~b7 & b8)
      a7 = b7 ^ (~b8 & b9)
      a8 = b8 ^ (~b9 & b5)
      a9 = b9 ^ (~b5 & b6)
      a10 = b10 ^ (~b11 & b12)
      a11 = b11 ^ (~b12 & b13)
      a12 = b12 ^ (~b13 & b14)
      a13 = b13 ^ (~b14 & b10)
      a14 = b14 ^ (~b10 & b11)
      a15 = b15 ^ (~b16 & b17)
      a16 = b16 ^ (~b17 & b18)
      a17 = b17 ^ (~b18 & b19)
      a18 = b18 ^ (~b19 & b15)
      a19 = b19 ^ (~b15 & b16)
      a20 = b20 ^ (~b21 & b22)
      a21 = b21 ^ (~b22 & b23)
      a22 = b22 ^ (~b23 & b24)
      a23 = b23 ^ (~b24 & b20)
      a24 = b24 ^ (~b20 & b21)
    }
    (lanes[0], lanes[1], lanes[2], lanes[3], lanes[4]) = (a0, a1, a2, a3, a4)
    (lanes[5], lanes[6], lanes[7], lanes[8], lanes[9]) = (a5, a6, a7, a8, a9)
    (lanes[10], lanes[11], lanes[12], lanes[13], lanes[14]) = (a10, a11, a12, a13, a14)
    (lanes[15], lanes[16], lanes[17], lanes[18], lanes[19]) = (a15, a16, a17, a18, a19)
    (lanes[20], lanes[21], lanes[22], lanes[23], lanes[24]) = (a20, a21, a22, a23, a24)
  }

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
