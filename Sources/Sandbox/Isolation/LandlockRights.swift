/// What Landlock can withhold, by the version that brought it (landlock(7)). The values are the kernel's.
struct LandlockRights: OptionSet, Sendable {
  let rawValue: UInt64

  static let execute = LandlockRights(rawValue: 1 << 0)
  static let writeFile = LandlockRights(rawValue: 1 << 1)
  static let readFile = LandlockRights(rawValue: 1 << 2)
  static let readFolder = LandlockRights(rawValue: 1 << 3)
  static let removeFolder = LandlockRights(rawValue: 1 << 4)
  static let removeFile = LandlockRights(rawValue: 1 << 5)
  static let makeCharacterDevice = LandlockRights(rawValue: 1 << 6)
  static let makeFolder = LandlockRights(rawValue: 1 << 7)
  static let makeFile = LandlockRights(rawValue: 1 << 8)
  static let makeSocket = LandlockRights(rawValue: 1 << 9)
  static let makeFIFO = LandlockRights(rawValue: 1 << 10)
  static let makeBlockDevice = LandlockRights(rawValue: 1 << 11)
  static let makeLink = LandlockRights(rawValue: 1 << 12)
  /// Version 2: names that move from folder to folder.
  static let refer = LandlockRights(rawValue: 1 << 13)
  /// Version 3.
  static let truncate = LandlockRights(rawValue: 1 << 14)
  /// Version 5: calls to devices.
  static let deviceCalls = LandlockRights(rawValue: 1 << 15)

  /// To read and run.
  static let reading: LandlockRights = [.execute, .readFile, .readFolder]
  /// To do with files whatever one likes, except devices.
  static let writing: LandlockRights = [
    .execute, .writeFile, .readFile, .readFolder, .removeFolder, .removeFile, .makeFolder, .makeFile,
    .makeSocket,
    .makeFIFO, .makeLink, .refer, .truncate,
  ]
  /// To use a device that is there.
  static let device: LandlockRights = [.readFile, .writeFile, .truncate, .deviceCalls]

  /// All rights that a version knows.
  static func known(to version: Int32) -> LandlockRights {
    var bits: UInt64 = (1 << 13) - 1
    if version >= 2 { bits |= 1 << 13 }
    if version >= 3 { bits |= 1 << 14 }
    if version >= 5 { bits |= 1 << 15 }
    return LandlockRights(rawValue: bits)
  }
}

/// What Landlock is told for one command.
struct LandlockRuleset: Sendable {
  /// To bind and to connect TCP sockets: version 4.
  static let tcp: UInt64 = 0b11
  /// Of these, to connect.
  static let connect: UInt64 = 0b10
  /// Abstract sockets and signals: version 6.
  static let scopes: UInt64 = 0b11

  let version: Int32
  let handledFiles: UInt64
  let handledNetwork: UInt64
  let scoped: UInt64
  /// TCP ports that may be connected to, where that is withheld.
  var connectable: [UInt16] = []
  var rules: [(path: String, rights: LandlockRights)] = []

  init(version: Int32, withholdsTCP: Bool) {
    self.version = version
    handledFiles = LandlockRights.known(to: version).rawValue
    handledNetwork = version >= 4 && withholdsTCP ? Self.tcp : 0
    scoped = version >= 6 ? Self.scopes : 0
  }
}
