import Foundation
import Identity

@testable import Discovery

/// What the tests announce and find.
enum Samples {
  static let id = UUID(uuidString: "5E2B0A4C-7F1D-4C39-9D0E-1A2B3C4D5E6F")!
  static let address = Address(ignoringChecksum: "0x9858effd232b4033e47d90003d41ec34ecaeda94")!

  static func record(name: String = "Ada", description: String = "") -> ServiceRecord {
    ServiceRecord(id: id, name: name, description: description, address: address)
  }

  static func announcement(name: String = "Ada", description: String = "", port: UInt16 = 1337)
    -> Announcement
  {
    Announcement(record(name: name, description: description), port: port)
  }

  static func wire(_ strings: [UInt8]...) -> [UInt8] { strings.flatMap { [UInt8($0.count)] + $0 } }

  static func wire(_ strings: String...) -> [UInt8] {
    strings.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
  }

  static func answer(
    txt: [UInt8] = record().txt.wire, host: String = "home.local", address: String = "192.168.7.2",
    port: UInt16 = 1337
  ) -> ResolvedInstance {
    ResolvedInstance(host: host, address: address, port: port, txt: txt)
  }

  static func place(_ instance: String = "Ada@\(id.uuidString)", interface: Int32 = 2, family: Int32 = 0)
    -> InstancePlace
  {
    InstancePlace(interface: interface, family: family, instance: instance, domain: "local")
  }
}
