import Testing

@testable import Identity

@Suite("Recoverable signatures")
struct RecoverableSignatureTests {
  private let payload = Array("payload".utf8)

  private func good() throws -> [UInt8] {
    try MasterKey.alice().signingKey.sign(payload, in: .access).bytes
  }

  private static let order = Hex.decode(
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")!
  private static let zero = [UInt8](repeating: 0, count: 32)
  private static let one = [UInt8](repeating: 0, count: 31) + [1]

  /// left − right, for 32-byte numbers.
  private static func subtract(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
    var difference = left
    var borrow = 0
    for index in (0..<32).reversed() {
      let value = Int(left[index]) - Int(right[index]) - borrow
      borrow = value < 0 ? 1 : 0
      difference[index] = UInt8(truncatingIfNeeded: value)
    }
    return difference
  }

  @Test("only 27 and 28 are recovery values; every other byte is refused and ends no process")
  func recoveryValues() throws {
    var bytes = try good()
    for value in UInt8.min...UInt8.max {
      bytes[64] = value
      #expect((RecoverableSignature(bytes: bytes) != nil) == (value == 27 || value == 28))
      #expect((RecoverableSignature(hex: Hex.string(bytes)) != nil) == (value == 27 || value == 28))
    }
  }

  @Test("the other recovery value gives another address")
  func otherRecoveryValue() throws {
    var bytes = try good()
    bytes[64] = 55 - bytes[64]
    let address = try #require(RecoverableSignature(bytes: bytes)).recoverAddress(of: payload, in: .access)
    #expect(address != (try MasterKey.alice().address))
  }

  @Test("the mirrored form of a signature, with a high s, is refused")
  func highS() throws {
    let bytes = try good()
    let mirrored =
      Array(bytes[..<32]) + Self.subtract(Self.order, Array(bytes[32..<64])) + [55 - bytes[64]]
    #expect(RecoverableSignature(bytes: mirrored) == nil)
  }

  @Test("s may be half of the order, and not one more")
  func halfOrder() throws {
    let half = try #require(
      Hex.decode("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"))
    var more = half
    more[31] += 1
    #expect(Self.subtract(Self.order, half) == more)
    let r = try good()[..<32]
    #expect(RecoverableSignature(bytes: r + half + [27]) != nil)
    #expect(RecoverableSignature(bytes: r + more + [27]) == nil)
  }

  @Test("an r or s that is zero or beyond the order recovers nobody")
  func outOfRange() throws {
    let bytes = try good()
    let (r, s) = (Array(bytes[..<32]), Array(bytes[32..<64]))
    let ones = [UInt8](repeating: 0xff, count: 32)
    let forms = [Self.zero + s, r + Self.zero, Self.zero + Self.zero, Self.order + s, ones + s]
    for form in forms {
      for value: UInt8 in [27, 28] {
        let signature = try #require(RecoverableSignature(bytes: form + [value]))
        #expect(signature.recoverAddress(of: payload, in: .access) == nil)
      }
    }
    for form in [r + Self.order, r + ones] { #expect(RecoverableSignature(bytes: form + [27]) == nil) }
  }

  @Test("an r that is no point of the curve recovers nobody")
  func offTheCurve() throws {
    let five = [UInt8](repeating: 0, count: 31) + [5]
    let signature = try #require(RecoverableSignature(bytes: five + Self.one + [27]))
    #expect(signature.recoverAddress(of: payload, in: .access) == nil)
  }

  @Test("any other length than 65 bytes is refused", arguments: [0, 1, 63, 64, 66, 130])
  func lengths(count: Int) throws {
    let bytes = try (good() + good()).prefix(count)
    #expect(RecoverableSignature(bytes: bytes) == nil)
    #expect(RecoverableSignature(hex: Hex.string(bytes)) == nil)
  }

  @Test("hexadecimal text may carry 0x and either case, and nothing else")
  func hex() throws {
    let signature = try #require(RecoverableSignature(bytes: try good()))
    #expect(signature.prefixedHex == "0x" + signature.hex)
    #expect(RecoverableSignature(hex: signature.hex) == signature)
    #expect(RecoverableSignature(hex: signature.prefixedHex) == signature)
    #expect(RecoverableSignature(hex: signature.hex.uppercased()) == signature)
    for text in [
      "0X" + signature.hex, "0x0x" + signature.hex, " " + signature.hex, signature.hex + "\n",
      signature.hex.dropLast() + "g", signature.hex.dropLast() + "１", "",
    ] {
      #expect(RecoverableSignature(hex: text) == nil)
    }
  }

  @Test("a bit flipped anywhere in payload or signature recovers somebody else or nobody")
  func flippedBits() throws {
    let alice = try MasterKey.alice().address
    let bytes = try good()
    for index in stride(from: 0, to: 64, by: 3) {
      var changed = bytes
      changed[index] ^= 1
      #expect(RecoverableSignature(bytes: changed)?.recoverAddress(of: payload, in: .access) != alice)
    }
    let signature = try #require(RecoverableSignature(bytes: bytes))
    for index in payload.indices {
      var changed = payload
      changed[index] ^= 1
      #expect(signature.recoverAddress(of: changed, in: .access) != alice)
    }
  }

  @Test("random bytes never end the process")
  func random() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<200 {
      var bytes = generator.bytes(65)
      bytes[64] = 27 + bytes[64] % 2
      bytes[32] &= 0x7f
      _ = RecoverableSignature(bytes: bytes)?.recoverAddress(of: payload, in: .access)
    }
  }
}
