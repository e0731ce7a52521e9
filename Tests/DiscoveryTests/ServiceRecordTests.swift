import Foundation
import Identity
import Testing

@testable import Discovery

@Suite("What is told about an agent on the network")
struct ServiceRecordTests {
  private func parse(_ wire: [UInt8]) throws -> ServiceRecord {
    try ServiceRecord(#require(TXTRecord(wire: wire)))
  }

  private let id = "id=5E2B0A4C-7F1D-4C39-9D0E-1A2B3C4D5E6F"

  @Test("is published as name, id, description, address and the mark of the secure channel")
  func published() {
    let record = Samples.record(description: "Counts")
    #expect(
      record.txt.wire
        == Samples.wire(
          "name=Ada", id, "description=Counts", "address=0x9858EfFD232B4033E47d90003D41EC34EcaEda94", "osc=1")
    )
  }

  @Test("leaves out an empty description and a missing address")
  func omitted() {
    let record = ServiceRecord(id: Samples.id, name: "Ada", description: "", address: nil)
    #expect(record.txt.wire == Samples.wire("name=Ada", id, "osc=1"))
  }

  @Test("cuts a description to 200 bytes and a name to what a string holds, at a character")
  func cut() throws {
    let record = Samples.record(
      name: String(repeating: "é", count: 200), description: "a" + String(repeating: "ö", count: 150))
    #expect(record.description == "a" + String(repeating: "ö", count: 99))
    #expect(record.name.utf8.count == 250)
    #expect(try parse(record.txt.wire).description == record.description)
  }

  @Test("is read as it was published")
  func roundTrip() throws {
    let record = Samples.record(description: "Zählt, was zählt")
    #expect(try parse(record.txt.wire) == record)
  }

  @Test("ignores keys that it does not know, strings without a value and the case of keys")
  func unknown() throws {
    let record = try parse(Samples.wire("v=9", "flag", "=odd", "", "NAME=Ada", id, "osc=1"))
    #expect(record.name == "Ada")
    #expect(record.address == nil)
    #expect(record.hasSecureChannel)
  }

  @Test("takes the first of several values of one key")
  func duplicates() throws {
    let record = try parse(Samples.wire("name=Ada", id, "name=Eve", "osc=1", "osc=0"))
    #expect(record.name == "Ada")
    #expect(record.hasSecureChannel)
  }

  @Test(
    "needs an upgrade where the mark is missing or another", arguments: ["osc=0", "osc=", "osc=11", "x=1"])
  func withoutChannel(mark: String) throws {
    #expect(try !parse(Samples.wire("name=Ada", id, mark)).hasSecureChannel)
  }

  @Test("becomes one line that a terminal may show")
  func harmless() throws {
    let record = try parse(
      Samples.wire("name=A\u{1b}[2Jda\nroot#", id, "description=\u{202e}evil\u{7}"))
    #expect(record.name == "A [2Jda root#")
    #expect(record.description == "evil")
  }

  @Test("drops a description that is not UTF-8")
  func badDescription() throws {
    let record = try parse(
      Samples.wire(Array("name=Ada".utf8), Array(id.utf8), Array("description=".utf8) + [0xff, 0xfe]))
    #expect(record.description == "")
  }

  @Test(
    "is refused where it is not about an agent",
    arguments: [
      (["name=Ada"], RecordRefusal.noID),
      (["id=", "name=Ada"], .badID),
      (["id=5E2B0A4C7F1D4C399D0E1A2B3C4D5E6F", "name=Ada"], .badID),
      (["id=5E2B0A4C-7F1D-4C39-9D0E-1A2B3C4D5E6F"], .noName),
      (["id=5E2B0A4C-7F1D-4C39-9D0E-1A2B3C4D5E6F", "name="], .badName),
      (["id=5E2B0A4C-7F1D-4C39-9D0E-1A2B3C4D5E6F", "name=\u{1b}\u{200b}"], .badName),
      (["id=5E2B0A4C-7F1D-4C39-9D0E-1A2B3C4D5E6F", "name=Ada", "address=0x12"], .badAddress),
      (
        [
          "id=5E2B0A4C-7F1D-4C39-9D0E-1A2B3C4D5E6F", "name=Ada",
          "address=0x9858efFD232B4033E47d90003D41EC34EcaEda94",
        ], .badAddress
      ),
    ])
  func refused(strings: [String], refusal: RecordRefusal) {
    let wire = strings.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    #expect(throws: refusal) { try parse(wire) }
  }

  @Test("is refused with a name that is not UTF-8")
  func badName() {
    #expect(throws: RecordRefusal.badName) {
      try parse(Samples.wire(Array(id.utf8), Array("name=".utf8) + [0xc3, 0x28]))
    }
  }

  @Test("is refused where it is too long or ends within a string")
  func malformed() {
    let long = (0..<9).flatMap { _ in [255] + [UInt8](repeating: 65, count: 255) }
    #expect(TXTRecord(wire: long) == nil)
    #expect(TXTRecord(wire: [5, 65, 61]) == nil)
    #expect(TXTRecord(wire: []) != nil)
  }

  @Test("is parsed to something or refused, whatever its bytes are")
  func anything() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<5000 {
      var wire = Samples.record(description: "Counts").txt.wire
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        wire[Int.random(in: wire.indices, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      guard let txt = TXTRecord(wire: wire), let record = try? ServiceRecord(txt) else { continue }
      let shown = record.name + record.description
      #expect(!shown.unicodeScalars.contains { $0.properties.generalCategory == .control })
    }
  }
}
