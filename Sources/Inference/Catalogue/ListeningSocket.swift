import Foundation
import Glibc

/// Who listens on a loopback port, by the kernel's word (`/proc/net/tcp`).
enum ListeningSocket {
  /// Whether the listener on 127.0.0.1 at `port` runs as this user, or as a user of the system (a service).
  static func isOwnOrSystem(port: UInt16) -> Bool {
    let owners = owners(of: port)
    return !owners.isEmpty && owners.allSatisfy { mayBeTrusted($0, by: geteuid()) }
  }

  /// The users whose sockets listen at `port` on loopback or on every address now.
  static func owners(of port: UInt16) -> Set<UInt32> {
    owners(of: port, in: table("/proc/net/tcp") + "\n" + table("/proc/net/tcp6"))
  }

  /// Read to its end: such a file has no size, and what reads by size stops after the first 27 lines.
  static func table(_ path: String) -> String {
    guard let file = FileHandle(forReadingAtPath: path) else { return "" }
    defer { try? file.close() }
    return String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
  }

  /// Users below 1000 are the system's by the rules of Debian and of everybody who followed.
  static func mayBeTrusted(_ owner: UInt32, by user: UInt32) -> Bool { owner == user || owner < 1000 }

  /// The users whose sockets listen at `port` on loopback or on every address.
  static func owners(of port: UInt16, in table: String) -> Set<UInt32> {
    let loopbackOrAny: Set<String> = [
      "0100007F", "00000000", String(repeating: "0", count: 32),
      "0000000000000000FFFF00000100007F", "00000000000000000000000001000000",
    ]
    var owners: Set<UInt32> = []
    for line in table.split(separator: "\n") {
      let fields = line.split(separator: " ")
      // sl local_address rem_address st tx:rx tr:tm retrnsmt uid …; state 0A is LISTEN.
      guard fields.count > 7, fields[3] == "0A" else { continue }
      let local = fields[1].split(separator: ":")
      guard local.count == 2, UInt16(local[1], radix: 16) == port, loopbackOrAny.contains(String(local[0])),
        let owner = UInt32(fields[7])
      else { continue }
      owners.insert(owner)
    }
    return owners
  }
}
