import Testing

@testable import SecretMemory

@Suite("Comparison in constant time")
struct ConstantTimeTests {
  private func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.withUnsafeBytes { left in right.withUnsafeBytes { ConstantTime.isEqual(left, $0) } }
  }

  @Test("it answers what == answers", arguments: [0, 1, 7, 8, 32, 33])
  func agrees(count: Int) {
    let bytes = (0..<count).map { UInt8($0) }
    #expect(isEqual(bytes, bytes))
    #expect(!isEqual(bytes, bytes + [0]))
    for index in bytes.indices {
      var other = bytes
      other[index] ^= 0x80
      #expect(!isEqual(bytes, other))
    }
  }
}
