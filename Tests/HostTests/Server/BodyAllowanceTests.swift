import NIOCore
import Testing

@testable import Host

@Suite("How long a body may take")
struct BodyAllowanceTests {
  private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  private func allowance() -> BodyAllowance { BodyAllowance(pause: .seconds(60), rate: 16 << 10) }

  @Test("a body that never comes is given up after one pause")
  func silent() {
    var body = allowance()
    #expect(body.deadline(after: start) == start + .seconds(60))
    #expect(body.deadline(after: start + .seconds(10)) == start + .seconds(60))
  }

  @Test("a byte now and then buys nothing")
  func dribble() {
    var body = allowance()
    var deadline = body.deadline(after: start)
    var now = start
    while now < deadline {
      now = now + .seconds(25)
      body.add(1)
      deadline = body.deadline(after: now)
    }
    #expect(now < start + .seconds(80))
    #expect(deadline < start + .seconds(61))
  }

  @Test("a long body at the slowest rate comes through, and may pause on its way")
  func slow() {
    var body = allowance()
    _ = body.deadline(after: start)
    var now = start
    for _ in 0..<2048 {
      now = now + .seconds(1)
      body.add(16 << 10)
      #expect(body.deadline(after: now) == now + .seconds(60))
    }
    #expect(body.deadline(after: now + .seconds(30)) == now + .seconds(60))
  }

  @Test("what came fast is no credit for a longer pause")
  func fast() {
    var body = allowance()
    _ = body.deadline(after: start)
    body.add(32 << 20)
    let now = start + .seconds(1)
    #expect(body.deadline(after: now) == now + .seconds(60))
  }
}
