import Foundation
import SecretMemory
import Testing

@testable import Storage

@Suite("The journal of an exchange of the data key")
struct RotationJournalTests {
  private let host = UUID()
  private let old = DataKey.generate()
  private let new = DataKey.generate()

  private func bytes(_ journal: RotationJournal) -> [UInt8] {
    journal.encoded(under: new).withUnsafeBytes { Array($0) }
  }

  private func read(_ bytes: [UInt8]) -> RotationJournal? {
    RotationJournal(SecretBytes(count: bytes.count) { $0.copyBytes(from: bytes) }, host: host, under: new)
  }

  private func journal() -> RotationJournal {
    RotationJournal(
      host: host, old: old.generation, new: new.generation, begun: 1_800_000_000, state: .begun)
  }

  @Test("it is read as it was written, by who has the new key")
  func roundTrip() {
    for journal in [journal(), journal().committed] {
      #expect(read(bytes(journal)) == journal)
      let encoded = journal.encoded(under: new)
      #expect(RotationJournal(encoded, host: host, under: old) == nil)
      #expect(RotationJournal(encoded, host: UUID(), under: new) == nil)
    }
    #expect(journal().committed.state == .committed)
  }

  @Test("one that was cut, lengthened or changed in any bit is none")
  func altered() {
    let whole = bytes(journal())
    for count in whole.indices { #expect(read(Array(whole[..<count])) == nil) }
    #expect(read(whole + [10]) == nil)
    for index in whole.indices {
      for bit in 0..<8 {
        var changed = whole
        changed[index] ^= 1 << bit
        #expect(read(changed) == nil)
      }
    }
  }

  @Test("one that says committed was not made by who has another key")
  func forged() {
    let stranger = DataKey.generate()
    let forged = journal().committed.encoded(under: stranger)
    #expect(RotationJournal(forged, host: host, under: new) == nil)
    #expect(RotationJournal(forged, host: host, under: stranger) == nil)
  }
}
