import Testing

@testable import SecretMemory

@Suite("Secret bytes")
struct SecretBytesTests {
  private struct Refusal: Error {}

  @Test("a secret holds what was written into it")
  func holdsItsBytes() {
    let secret = SecretBytes(count: 3) { $0.copyBytes(from: [1, 2, 3]) }
    let bytes = secret.withUnsafeBytes { Array($0) }
    #expect(bytes == [1, 2, 3])
  }

  @Test("a copy is equal and independent")
  func copies() {
    let secret = SecretBytes.random(count: 32)
    let copy = secret.copy()
    let isEqual = secret.isEqual(to: copy)
    #expect(isEqual)
  }

  @Test("secrets that differ in one bit or in length are not equal")
  func differs() {
    let secret = SecretBytes(count: 32) { $0.initializeMemory(as: UInt8.self, repeating: 7) }
    let other = SecretBytes(count: 32) { buffer in
      buffer.initializeMemory(as: UInt8.self, repeating: 7)
      buffer[31] ^= 1
    }
    let shorter = SecretBytes(count: 31) { $0.initializeMemory(as: UInt8.self, repeating: 7) }
    let matches = [secret.isEqual(to: other), secret.isEqual(to: shorter)]
    #expect(matches == [false, false])
  }

  @Test("an initialiser that refuses leaves no secret")
  func refusal() {
    #expect(throws: Refusal.self) {
      _ = try SecretBytes(count: 4) { (_) throws(Refusal) in throw Refusal() }
    }
  }

  @Test("random secrets differ")
  func random() {
    let first = SecretBytes.random(count: 32)
    let second = SecretBytes.random(count: 32)
    let isEqual = first.isEqual(to: second)
    #expect(!isEqual)
  }

  @Test("an empty secret is a secret")
  func empty() {
    let empty = SecretBytes(copying: UnsafeRawBufferPointer(start: nil, count: 0))
    let count = empty.count
    #expect(count == 0)
    let isEqual = empty.isEqual(to: SecretBytes(count: 0) { _ in })
    #expect(isEqual)
  }

  @Test("interpolating a secret's holder shows no byte of it")
  func printsNothing() {
    final class Holder: Sendable {
      let bytes = SecretBytes(count: 4) { $0.copyBytes(from: [0xde, 0xad, 0xbe, 0xef]) }
    }
    let shown = "\(Holder())" + String(reflecting: Holder())
    #expect(!shown.contains("222") && !shown.lowercased().contains("dead"))
  }

  @Test("wiping leaves zeroes")
  func wiping() {
    var bytes: [UInt8] = [1, 2, 3]
    wipe(&bytes)
    #expect(bytes == [0, 0, 0])
  }
}
