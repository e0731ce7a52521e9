import Foundation
import Testing

@testable import Discovery

@Suite("What is seen on the network")
struct BrowseListTests {
  private let start = ContinuousClock.now
  private let place = Samples.place()

  /// A list in which one service was seen and resolved.
  private func seen() -> BrowseList {
    var list = BrowseList()
    _ = list.appeared(place, now: start)
    _ = list.resolved(1, Samples.answer())
    return list
  }

  @Test("a place that appears is asked what it is, and shown once it said so")
  func appears() {
    var list = BrowseList()
    #expect(list.appeared(place, now: start) == [.resolve(place, number: 1)])
    #expect(list.services.isEmpty)
    #expect(list.resolved(1, Samples.answer()) == [])
    #expect(list.services.map(\.record) == [Samples.record()])
    #expect(list.nextDeadline == nil)
  }

  @Test("a place that does not answer for five seconds is asked once more, and then no more")
  func retries() {
    var list = BrowseList()
    _ = list.appeared(place, now: start)
    #expect(list.nextDeadline == start + .seconds(5))
    #expect(list.expire(now: start + .milliseconds(4999)) == [])
    let later = start + .seconds(5)
    #expect(list.expire(now: later) == [.stop(1), .resolve(place, number: 2)])
    #expect(list.expire(now: later + .seconds(5)) == [.stop(2)])
    #expect(list.nextDeadline == nil)
    #expect(list.resolved(2, Samples.answer()) == [])
    #expect(list.services.isEmpty)
  }

  @Test("a daemon that gives up before that has the same one retry")
  func givesUp() {
    var list = BrowseList()
    _ = list.appeared(place, now: start)
    #expect(list.notResolved(1, now: start) == [.stop(1), .resolve(place, number: 2)])
    #expect(list.notResolved(2, now: start) == [.stop(2)])
  }

  @Test("a service that disappears is shown for twelve more seconds")
  func grace() {
    var list = seen()
    #expect(list.vanished(place, now: start) == [.stop(1)])
    #expect(list.nextDeadline == start + .seconds(12))
    _ = list.expire(now: start + .milliseconds(11_999))
    #expect(list.services.count == 1)
    _ = list.expire(now: start + .seconds(12))
    #expect(list.services.isEmpty)
    #expect(list.nextDeadline == nil)
  }

  @Test("disappearing again does not make it stay longer")
  func graceIsOne() {
    var list = seen()
    _ = list.vanished(place, now: start)
    _ = list.vanished(place, now: start + .seconds(10))
    _ = list.expire(now: start + .seconds(12))
    #expect(list.services.isEmpty)
  }

  @Test("a service that comes back in time was never gone, and is asked anew")
  func comesBack() {
    var list = seen()
    _ = list.vanished(place, now: start)
    #expect(list.appeared(place, now: start + .seconds(3)) == [.resolve(place, number: 2)])
    _ = list.resolved(2, Samples.answer(port: 1400))
    _ = list.expire(now: start + .seconds(60))
    #expect(list.services.map(\.port) == [1400])
  }

  @Test("a place that never said what it is goes at once")
  func unresolvedGoes() {
    var list = BrowseList()
    _ = list.appeared(place, now: start)
    #expect(list.vanished(place, now: start) == [.stop(1)])
    #expect(list.nextDeadline == nil)
  }

  @Test("when the daemon goes, all that it showed goes after its grace")
  func lost() {
    var list = seen()
    list.lost(now: start)
    #expect(list.services.count == 1)
    _ = list.expire(now: start + .seconds(12))
    #expect(list.services.isEmpty)
  }

  @Test("a service that changes what it says is shown as it says now")
  func changes() {
    var list = seen()
    _ = list.resolved(1, Samples.answer(txt: Samples.record(name: "Eve").txt.wire))
    #expect(list.services.map(\.record.name) == ["Eve"])
  }

  @Test("what is not about an agent is not shown, nor followed")
  func hostile() {
    var list = BrowseList()
    _ = list.appeared(place, now: start)
    #expect(list.resolved(1, Samples.answer(txt: Samples.wire("name=Ada"))) == [.stop(1)])
    #expect(list.services.isEmpty)
    #expect(list.nextDeadline == nil)
  }

  @Test("a service that is seen on several ways is shown once, with all its addresses")
  func merged() {
    var list = seen()
    _ = list.appeared(Samples.place(family: 1), now: start)
    _ = list.resolved(2, Samples.answer(address: "fd00::2"))
    #expect(list.services.count == 1)
    #expect(list.services.first?.addresses == ["192.168.7.2", "fd00::2"])
  }

  @Test("somebody who claims the id of another agent is shown beside it, and replaces nothing")
  func spoofed() {
    var list = seen()
    _ = list.appeared(Samples.place("Ada@\(Samples.id.uuidString) #2"), now: start)
    _ = list.resolved(2, Samples.answer(host: "evil.local", address: "192.168.7.66"))
    #expect(Set(list.services.map(\.host.text)) == ["home.local", "evil.local"])
  }

  @Test("however many services are announced, a limited number is looked at")
  func bounded() {
    var list = seen()
    for number in 0..<100_000 {
      let acts = list.appeared(Samples.place("flood \(number)"), now: start)
      #expect(acts.isEmpty || number < BrowseList.limit)
    }
    #expect(list.dropped == 100_000 - BrowseList.limit + 1)
    #expect(list.services.count == 1)
    // What is known is followed all the same.
    _ = list.vanished(place, now: start)
    _ = list.expire(now: start + .seconds(12))
    #expect(list.services.isEmpty)
  }
}
