/// What the first process in a sandbox is told: written as the records of `Sources/osaurus-sandbox-init/plan.h`. It carries the
/// command and its environment, so that neither is ever an argument of a process outside.
struct LaunchPlan {
  private(set) var bytes: [UInt8] = []

  mutating func add(argument: [UInt8]) { record("A", argument) }

  mutating func add(variable: [UInt8]) { record("E", variable) }

  mutating func set(folder: String) { record("C", Array(folder.utf8)) }

  mutating func add(limit resource: UInt32, _ value: UInt64) {
    record("R", Self.bytes(of: resource) + Self.bytes(of: value))
  }

  mutating func set(_ ruleset: LandlockRuleset) {
    record(
      "L",
      Self.bytes(of: ruleset.handledFiles) + Self.bytes(of: ruleset.handledNetwork)
        + Self.bytes(of: ruleset.scoped))
    for port in ruleset.connectable {
      record("N", Self.bytes(of: LandlockRuleset.connect) + Self.bytes(of: UInt64(port)))
    }
    for rule in ruleset.rules {
      record("F", Self.bytes(of: rule.rights.rawValue) + Array(rule.path.utf8))
    }
  }

  mutating func watch(processes: UInt64, memory: UInt64, freeDisk: UInt64, disk: String?) {
    record("W", Self.bytes(of: processes) + Self.bytes(of: memory) + Self.bytes(of: freeDisk))
    if let disk { record("D", Array(disk.utf8)) }
  }

  /// Has it end everything when the home takes more than so many bytes.
  mutating func watch(home: String, bytes: UInt64) { record("H", Self.bytes(of: bytes) + Array(home.utf8)) }

  /// Has it listen on this port of loopback, and hand the socket over.
  mutating func offerProxy(port: UInt16) { record("P", Self.bytes(of: UInt64(port))) }

  mutating func setTerminal() { record("T", []) }

  private mutating func record(_ kind: Unicode.Scalar, _ body: [UInt8]) {
    bytes.append(UInt8(ascii: kind))
    bytes += Self.bytes(of: UInt32(body.count))
    bytes += body
  }

  private static func bytes<Number: FixedWidthInteger>(of number: Number) -> [UInt8] {
    withUnsafeBytes(of: number) { Array($0) }
  }
}
