import Foundation

/// What is announced, compared with what is to be: pure, and driven by ``Advertiser``.
///
/// The comparison is with what was asked for, so that a service that the daemon had to rename is left alone.
struct AnnouncementList {
  /// The most services that one host announces.
  static let limit = 256

  enum Act: Hashable {
    case publish(Announcement, number: UInt64)
    case update(TXTRecord, number: UInt64)
    case withdraw(UInt64)
  }

  private struct Entry {
    var announcement: Announcement
    let number: UInt64
    /// What it is called on the network; nil until it is there.
    var name: String?
    var isRefused = false
  }

  private var entries: [UUID: Entry] = [:]
  private var lastNumber: UInt64 = 0

  /// What has to be done so that exactly `wanted` is announced.
  mutating func change(to wanted: [Announcement]) -> [Act] {
    let wanted = Dictionary(wanted.map { ($0.record.id, $0) }, uniquingKeysWith: { first, _ in first })
    var acts: [Act] = []
    for (id, entry) in entries where wanted[id] == nil {
      acts.append(.withdraw(entry.number))
      entries[id] = nil
    }
    for announcement in wanted.values.sorted(by: { $0.record.id.uuidString < $1.record.id.uuidString }) {
      let id = announcement.record.id
      guard let entry = entries[id] else {
        if entries.count < Self.limit { acts.append(publish(announcement)) }
        continue
      }
      if entry.announcement == announcement { continue }
      let staysInPlace =
        !entry.isRefused && entry.announcement.name == announcement.name
        && entry.announcement.port == announcement.port
        && entry.announcement.interface == announcement.interface
      if staysInPlace {
        entries[id]?.announcement = announcement
        acts.append(.update(announcement.record.txt, number: entry.number))
      } else {
        acts.append(.withdraw(entry.number))
        acts.append(publish(announcement))
      }
    }
    return acts
  }

  private mutating func publish(_ announcement: Announcement) -> Act {
    lastNumber += 1
    entries[announcement.record.id] = Entry(announcement: announcement, number: lastNumber)
    return .publish(announcement, number: lastNumber)
  }

  /// It is on the network.
  mutating func established(_ number: UInt64, name: String) { change(number) { $0.name = name } }

  /// It is not on the network, and will not be before it changes.
  mutating func refused(_ number: UInt64) {
    change(number) { entry in
      entry.name = nil
      entry.isRefused = true
    }
  }

  /// It could not be changed where it is, so it is announced anew.
  mutating func notUpdated(_ number: UInt64) -> [Act] {
    guard let entry = entries.values.first(where: { $0.number == number }) else { return [] }
    return [.withdraw(number), publish(entry.announcement)]
  }

  /// The daemon forgot everything.
  mutating func forget() { entries = [:] }

  /// The names on the network.
  var names: [String] { entries.values.compactMap(\.name).sorted() }

  private mutating func change(_ number: UInt64, _ body: (inout Entry) -> Void) {
    guard let id = entries.first(where: { $0.value.number == number })?.key else { return }
    body(&entries[id]!)
  }
}
