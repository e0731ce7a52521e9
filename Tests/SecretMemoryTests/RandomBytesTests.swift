import Testing

@testable import SecretMemory

@Suite("Random bytes")
struct RandomBytesTests {
  @Test("there are as many as asked for, and never the same")
  func fresh() {
    for count in [0, 1, 16, 32, 1000] { #expect(RandomBytes.make(count).count == count) }
    #expect(RandomBytes.make(32) != RandomBytes.make(32))
    #expect(Set(RandomBytes.make(4096)).count > 250)
  }
}
