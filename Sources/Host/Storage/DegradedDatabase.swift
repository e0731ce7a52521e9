public import Storage

/// A database that does not open, while the rest of the host runs.
public struct DegradedDatabase: Codable, Hashable, Sendable {
  /// Its path below the data folder.
  public let name: String
  public let fault: StorageFault
  /// One sentence, and what to do.
  public let reason: String

  init(_ name: DatabaseName, _ error: StorageError) {
    self.name = name.rawValue
    fault = error.fault
    reason = error.description
  }
}
