import Foundation
import Testing

@testable import Discovery

@Suite("What is announced, compared with what is to be")
struct AnnouncementListTests {
  @Test("a new agent is published, and nothing when it is the same")
  func published() {
    var list = AnnouncementList()
    let ada = Samples.announcement()
    #expect(list.change(to: [ada]) == [.publish(ada, number: 1)])
    list.established(1, name: "Ada@\(Samples.id.uuidString)")
    #expect(list.change(to: [ada]) == [])
    #expect(list.names == ["Ada@\(Samples.id.uuidString)"])
  }

  @Test("a service that the daemon renamed is left alone")
  func renamed() {
    var list = AnnouncementList()
    let ada = Samples.announcement()
    _ = list.change(to: [ada])
    list.established(1, name: "Ada@\(Samples.id.uuidString) #2")
    #expect(list.change(to: [ada]) == [])
    // Its text still changes in place.
    let told = Samples.announcement(description: "Counts")
    #expect(list.change(to: [told]) == [.update(told.record.txt, number: 1)])
  }

  @Test("another description is changed in place; another name, port or interface is published anew")
  func changed() {
    var list = AnnouncementList()
    _ = list.change(to: [Samples.announcement()])
    let eve = Samples.announcement(name: "Eve")
    #expect(list.change(to: [eve]) == [.withdraw(1), .publish(eve, number: 2)])
    let moved = Samples.announcement(name: "Eve", port: 1338)
    #expect(list.change(to: [moved]) == [.withdraw(2), .publish(moved, number: 3)])
    let bound = Announcement(moved.record, port: 1338, interface: 2)
    #expect(list.change(to: [bound]) == [.withdraw(3), .publish(bound, number: 4)])
  }

  @Test("an agent that goes is withdrawn")
  func withdrawn() {
    var list = AnnouncementList()
    _ = list.change(to: [Samples.announcement()])
    #expect(list.change(to: []) == [.withdraw(1)])
    #expect(list.change(to: []) == [])
  }

  @Test("what the network refuses is not tried again before it changes")
  func refused() {
    var list = AnnouncementList()
    let ada = Samples.announcement()
    _ = list.change(to: [ada])
    list.refused(1)
    #expect(list.change(to: [ada]) == [])
    let told = Samples.announcement(description: "Counts")
    #expect(list.change(to: [told]) == [.withdraw(1), .publish(told, number: 2)])
  }

  @Test("what cannot be changed in place is published anew")
  func notUpdated() {
    var list = AnnouncementList()
    _ = list.change(to: [Samples.announcement()])
    let told = Samples.announcement(description: "Counts")
    _ = list.change(to: [told])
    #expect(list.notUpdated(1) == [.withdraw(1), .publish(told, number: 2)])
    #expect(list.notUpdated(1) == [])
  }

  @Test("after a restart of the daemon everything is published again")
  func forgotten() {
    var list = AnnouncementList()
    let ada = Samples.announcement()
    _ = list.change(to: [ada])
    list.forget()
    #expect(list.change(to: [ada]) == [.publish(ada, number: 2)])
  }

  @Test("no more services than a daemon bears are announced, and an agent once")
  func bounded() {
    var list = AnnouncementList()
    let many = (0..<1000).map { _ in
      Announcement(ServiceRecord(id: UUID(), name: "A", description: "", address: nil), port: 1)
    }
    #expect(list.change(to: many + many).count == AnnouncementList.limit)
  }

  @Test("a broken link is opened again after one second, then two, and at most a minute")
  func delays() {
    var delay = RetryDelay()
    let seconds = (0..<9).map { _ in delay.next(after: .zero).components.seconds }
    #expect(seconds == [1, 2, 4, 8, 16, 32, 60, 60, 60])
    #expect(delay.next(after: .seconds(61)) == .seconds(1))
  }
}
