import Testing

@testable import Identity

@Suite("Keccak-256")
struct Keccak256Tests {
  @Test(
    "published answers come out",
    arguments: [
      ("", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
      ("abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
      ("hello", "1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8"),
      (
        "The quick brown fox jumps over the lazy dog",
        "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"
      ),
      (
        "The quick brown fox jumps over the lazy dog.",
        "578951e24efd62a3d63a86f7cd19aaa53c898fe287d2552133220370240b572d"
      ),
    ])
  func published(text: String, digest: String) {
    #expect(Hex.string(Keccak256.hash(text.utf8)) == digest)
  }

  // ShortMsgKAT_256.txt of the Keccak submission.
  @Test(
    "the known answers of the submission come out",
    arguments: [
      ("cc", "eead6dbfc7340a56caedc044696a168870549a6a7f6f56961e84a54bd9970b8a"),
      ("41fb", "a8eaceda4d47b3281a795ad9e1ea2122b407baf9aabcb9e18b5717b7873537d2"),
    ])
  func submission(message: String, digest: String) throws {
    #expect(Hex.string(Keccak256.hash(try #require(Hex.decode(message)))) == digest)
  }

  @Test("the recorded answers come out")
  func recorded() throws {
    let answers = try RecordedAnswers.load().keccak256
    #expect(!answers.isEmpty)
    for answer in answers { #expect(Hex.string(Keccak256.hash(answer.utf8.utf8)) == answer.digest) }
  }

  @Test("every length up to 300 gives what an independent implementation gives")
  func everyLength() {
    var all = Keccak256()
    for length in 0...300 {
      all.update(Keccak256.hash((0..<length).map { UInt8(truncatingIfNeeded: $0 * 7) }))
    }
    #expect(
      Hex.string(all.finish()) == "0f3d8c6e9f5feb163b3a0f0f23c49fbda1459c3a3a9a562e1e5cd2c8b895d409")
  }

  @Test("it does not matter in which pieces the bytes come")
  func pieces() {
    var generator = SeededGenerator(seed: 1)
    let message = generator.bytes(1000)
    let whole = Keccak256.hash(message)
    for _ in 0..<50 {
      var hash = Keccak256()
      var rest = message[...]
      while !rest.isEmpty {
        let count = Int.random(in: 0...min(rest.count, 150), using: &generator)
        if Bool.random(using: &generator) {
          hash.update(rest.prefix(count))
        } else {
          hash.update(AnySequence(rest.prefix(count)))
        }
        rest = rest.dropFirst(count)
      }
      #expect(hash.finish() == whole)
    }
  }
}
