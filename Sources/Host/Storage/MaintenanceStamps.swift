public import Foundation
import Keyring

/// What is done to a database from time to time.
public enum MaintenanceTask: String, Codable, CaseIterable, Sendable {
  /// Brings statistics up to date, and removes blobs that nobody refers to.
  case optimize
  /// Moves the log into the file.
  case checkpoint
  /// Gives free pages back.
  case vacuum

  /// How long to wait before it is done again.
  var interval: TimeInterval {
    switch self {
    case .optimize: 6 * 3600
    case .checkpoint: 7 * 24 * 3600
    case .vacuum: 30 * 24 * 3600
    }
  }
}

/// When what was done last. In the state folder: losing it costs nothing but some work.
public struct MaintenanceStamps: Codable, Hashable, Sendable {
  private static let limit = 1 << 20

  /// By the path of the database.
  public var databases: [String: [String: Date]] = [:]

  public init() {}

  /// What is due of a database. What was never done is not due at once: it is noted, and due an interval later.
  mutating func due(_ name: String, now: Date) -> [MaintenanceTask] {
    MaintenanceTask.allCases.filter { task in
      guard let last = databases[name]?[task.rawValue] else {
        databases[name, default: [:]][task.rawValue] = now
        return false
      }
      // A clock that was set back does not stop it for good.
      return now.timeIntervalSince(last) >= task.interval || last.timeIntervalSince(now) > task.interval
    }
  }

  mutating func note(_ task: MaintenanceTask, of name: String, at now: Date) {
    databases[name, default: [:]][task.rawValue] = now
  }

  /// Lets go of what was noted of databases that are gone.
  mutating func keep(_ names: Set<String>) { databases = databases.filter { names.contains($0.key) } }

  /// What was written; nothing where there is no such file or it makes no sense.
  /// - Throws: `KeyringError` where it cannot be read.
  static func read(_ folders: HostFolders) throws -> MaintenanceStamps {
    guard let bytes = try PrivateFile.read(file(folders), limit: limit) else { return MaintenanceStamps() }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return (try? decoder.decode(MaintenanceStamps.self, from: Data(bytes))) ?? MaintenanceStamps()
  }

  func write(_ folders: HostFolders) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    try PrivateFile.replace(Self.file(folders), with: [UInt8](try encoder.encode(self)))
  }

  private static func file(_ folders: HostFolders) -> URL {
    folders.state.appending(path: "maintenance.json")
  }
}
