import Synchronization
import Testing

@testable import Host

@Suite("The limit of attempts")
struct AttemptLimiterTests {
  private let clock = TestClock()

  private func limiter(_ limit: Int? = 5, capacity: Int = 4096) -> AttemptLimiter {
    let clock = clock
    return AttemptLimiter(limit: limit, capacity: capacity) { clock.instant }
  }

  private func source(_ number: Int) -> SourceAddress {
    SourceAddress(bytes: [10, UInt8(number >> 16 & 255), UInt8(number >> 8 & 255), UInt8(number & 255)])!
  }

  @Test("a source has five a minute, and another source has five of its own")
  func fiveAMinute() {
    let limiter = limiter()
    #expect((0..<7).map { _ in limiter.allows(source(1)) } == [true, true, true, true, true, false, false])
    #expect((0..<6).map { _ in limiter.allows(source(2)) } == [true, true, true, true, true, false])
  }

  @Test("the minute slides: each attempt counts for sixty seconds")
  func slides() {
    let limiter = limiter(2)
    #expect(limiter.allows(source(1)))
    clock.advance(by: 30)
    #expect(limiter.allows(source(1)))
    clock.advance(by: 30)
    #expect(limiter.allows(source(1)))
    #expect(!limiter.allows(source(1)))
    clock.advance(by: 60)
    #expect(limiter.allows(source(1)))
  }

  @Test("who keeps on trying stays out; who waits comes in")
  func refusedAttemptsCount() {
    let limiter = limiter()
    for _ in 0..<5 { _ = limiter.allows(source(1)) }
    for _ in 0..<60 {
      clock.advance(by: 10)
      #expect(!limiter.allows(source(1)))
    }
    clock.advance(by: 60)
    #expect(limiter.allows(source(1)))
  }

  @Test("one machine cannot use the many addresses of its IPv6 network")
  func networks() throws {
    let limiter = limiter(2)
    func allows(_ literal: String) throws -> Bool {
      limiter.allows(try #require(SourceAddress(literal: literal)))
    }
    #expect(try allows("2001:db8:0:1::1"))
    #expect(try allows("2001:db8:0:1:ffff:ffff:ffff:ffff"))
    #expect(try !allows("2001:db8:0:1:2::3"))
    #expect(try allows("2001:db8:0:2::1"))
    #expect(try allows("192.0.2.1"))
    #expect(try allows("::ffff:192.0.2.1"))
    #expect(try !allows("192.0.2.1"))
  }

  @Test(
    "all loopback addresses are one source, however they are written",
    arguments: ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:127.9.8.7"])
  func loopback(literal: String) throws {
    let limiter = limiter(1)
    #expect(limiter.allows(try #require(SourceAddress(literal: "127.1.2.3"))))
    let source = try #require(SourceAddress(literal: literal))
    #expect(source.isLoopback)
    #expect(!limiter.allows(source))
    for other in ["128.0.0.1", "126.0.0.1", "::2", "::ffff:128.0.0.1", "::7f00:1"] {
      #expect(try #require(SourceAddress(literal: other)).network != source.network)
    }
  }

  @Test("ten thousand sources take no more memory than may be taken")
  func bounded() {
    let limiter = limiter(capacity: 64)
    for number in 0..<10_000 { _ = limiter.allows(source(number)) }
    #expect(limiter.count == 64)
  }

  @Test("who is held back is not let off by a crowd that comes after")
  func crowd() {
    let limiter = limiter(capacity: 64)
    for _ in 0..<6 { _ = limiter.allows(source(1)) }
    for number in 2..<1000 { #expect(limiter.allows(source(number))) }
    #expect(!limiter.allows(source(1)))
  }

  @Test("those whose minute is over make room first")
  func expired() {
    let limiter = limiter(capacity: 4)
    for number in 1...4 {
      for _ in 0..<6 { _ = limiter.allows(source(number)) }
    }
    clock.advance(by: 61)
    #expect(limiter.allows(source(5)))
    #expect(limiter.count == 1)
  }

  @Test("no limit means none, and nothing is remembered")
  func unlimited() {
    let limiter = limiter(nil)
    #expect((0..<1000).allSatisfy { _ in limiter.allows(source(1)) })
    #expect(limiter.count == 0)
  }

  @Test("many at once get no more than the limit")
  func atOnce() async {
    let limiter = limiter()
    let source = source(1)
    let allowed = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<200 { group.addTask { limiter.allows(source) } }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(allowed == 5)
  }
}
