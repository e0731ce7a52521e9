import Testing

@testable import Inference

@Suite("Trying again")
struct BackOffTests {
  @Test("the first failure is tried again at once, later ones ever later, and a good life makes good")
  func backsOff() {
    var backOff = BackOff()
    let start = ContinuousClock.now
    #expect(backOff.wait(at: start) == nil)
    backOff.hasFailed(at: start)
    #expect(backOff.wait(at: start) == nil)
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] as [Int64] {
      backOff.hasEnded(at: start, after: .seconds(3))
      #expect(backOff.wait(at: start) == seconds + 1)
      #expect(backOff.wait(at: start + .seconds(seconds)) == nil)
    }
    backOff.hasEnded(at: start, after: .seconds(61))
    #expect(backOff.wait(at: start) == nil)
  }
}
