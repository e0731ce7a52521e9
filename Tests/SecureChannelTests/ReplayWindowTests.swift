import Testing

@testable import SecureChannel

@Suite("Every number once")
struct ReplayWindowTests {
  private static let end = UInt64.max

  @Test(
    "known sequences are taken and refused",
    arguments: [
      ([(0, false), (1, true), (0, false)]),
      ([(1, true), (1, false), (2, true), (1, false), (2, false), (3, true)]),
      // Late, but inside the window.
      ([(10, true), (5, true), (9, true), (5, false), (1, true), (1, false), (11, true), (10, false)]),
      // 63 back is the last that is inside.
      ([(64, true), (1, true), (1, false), (65, true), (1, false), (2, true)]),
      ([(100, true), (37, true), (36, false), (37, false)]),
      // Jumps of 63, 64 and 65 keep, and drop, what was seen.
      ([(1, true), (64, true), (1, false)]),
      ([(1, true), (65, true), (1, false), (2, true)]),
      ([(1, true), (66, true), (2, false), (3, true)]),
      ([(1, true), (1_000_000, true), (999_999, true), (1, false), (1_000_000, false)]),
      // The far future is a client's own affair: it uses up its own numbers.
      ([
        (end, true), (end, false), (end - 1, true), (end - 63, true), (end - 64, false), (1, false),
        (0, false),
      ]),
      ([(end - 1, true), (end, true), (end - 1, false)]),
    ] as [[(UInt64, Bool)]])
  func known(_ steps: [(sequence: UInt64, isTaken: Bool)]) {
    var window = ReplayWindow()
    for step in steps { #expect(window.take(step.sequence) == step.isTaken, "\(step.sequence)") }
  }

  /// What the window should do, with a memory that does not end.
  private struct Model {
    var taken: Set<UInt64> = []
    var highest: UInt64 = 0

    mutating func take(_ sequence: UInt64) -> Bool {
      guard sequence > 0, !taken.contains(sequence) else { return false }
      guard sequence > highest || highest - sequence < 64 else { return false }
      taken.insert(sequence)
      highest = max(highest, sequence)
      return true
    }
  }

  @Test(
    "random sequences are taken as by a window that remembers everything", arguments: 0..<60 as Range<UInt64>)
  func model(seed: UInt64) {
    var generator = SeededGenerator(seed)
    var window = ReplayWindow()
    var model = Model()
    for _ in 0..<400 {
      let near = model.highest &+ UInt64.random(in: 0...140, using: &generator) &- 70
      let sequence =
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: generator.next()
        case 1: UInt64.random(in: 0...3, using: &generator)
        case 2: Self.end - UInt64.random(in: 0...70, using: &generator) * (seed % 3)
        default: near
        }
      // Without this most runs would soon be at the end of all numbers.
      guard seed % 5 == 0 || sequence < 1 << 40 else { continue }
      let (isTaken, expected) = (window.take(sequence), model.take(sequence))
      guard isTaken == expected else {
        Issue.record("\(sequence) after \(model.highest)")
        return
      }
    }
  }
}
