import Foundation
import Identity
public import Keyring
import Storage
import Stores

/// What a host stores, as its owner looks after it. Nothing here needs the service, nor disturbs it: databases are
/// read on connections that cannot write.
public struct HostStorage: Sendable {
  let folders: HostFolders
  let settings: HostSettings
  let key: DataKey
  let use: DataUse
  /// The identity of the host.
  let address: Address

  /// An exchange of the data key and an import that were interrupted are brought to their end first; none begins as long as
  /// this is there.
  /// - Throws: ``HostError/rotationRunning``, `KeyringError` where the keys cannot be had, ``HostError/keysMissing(keyStore:)`` where there are none.
  public init(folders: HostFolders, settings: HostSettings) throws {
    self.folders = folders
    self.settings = settings
    try KeyRotation(folders: folders).finish()
    use = try DataUse.shared(folders)
    try ImportSwitch(folders: folders).finish()
    let (master, key) = try HostKeyStore.keys(of: settings, folders: folders)
    self.key = key
    address = master.address
  }

  var blobs: BlobStore { BlobStore(folders: folders, key: key) }

  /// What there is.
  public struct Status: Encodable, Sendable {
    public struct Database: Encodable, Sendable {
      public let name: String
      /// The bytes of its file.
      public let bytes: Int
      /// The bytes of its log.
      public let logBytes: Int
      /// How many migrations it has seen, and the last one.
      public let schemaVersion: Int?
      public let schema: String?
      /// The generation of the key that opens it.
      public let keyGeneration: String?
      /// `current`, `outdated`, `missing`, or the fault that it has.
      public let condition: String
      /// Why it does not open.
      public let reason: String?
    }

    public struct Blobs: Encodable, Sendable {
      public let count: Int
      /// The bytes of their files.
      public let bytes: Int
    }

    /// The generation of the data key.
    public let keyGeneration: String
    public let databases: [Database]
    public let blobs: Blobs
    /// What opens it besides the key store; nil where that cannot be read.
    public let slots: [String]?
    /// What was moved aside, by its folder.
    public let quarantine: [String]
    /// When something was last done to look after it.
    public let maintenance: MaintenanceStamps

    /// Those that do not open.
    public var degraded: [Database] { databases.filter { $0.reason != nil } }
  }

  /// - Throws: `StorageError` where a folder cannot be read.
  public func status() throws -> Status {
    let generation = key.generation.description
    let conditions = try HostDatabases.conditions(in: folders, key: key)
    let databases = try conditions.sorted { $0.key < $1.key }.map { name, result in
      try database(name, result, generation)
    }
    let names = try blobs.names()
    return Status(
      keyGeneration: generation, databases: databases,
      blobs: .init(count: names.count, bytes: names.reduce(0) { $0 + blobs.fileSize(of: $1) }),
      slots: try? HostKeySlots(folders: folders, settings: settings).listed().map(\.kind.name),
      quarantine: Quarantine.existing(in: folders),
      maintenance: (try? MaintenanceStamps.read(folders)) ?? .init())
  }

  private func database(
    _ name: DatabaseName, _ result: Result<EncryptedDatabase.Condition, StorageError>, _ generation: String
  ) throws -> Status.Database {
    var schema: (version: Int, name: String?)?
    let condition: String
    var reason: String?
    switch result {
    case .success(.missing): condition = "missing"
    case .success(let found):
      condition = found == .current ? "current" : "outdated"
      schema = try? EncryptedDatabase.read(name, in: folders, key: key) { try DatabaseIntegrity.schema($0) }
    case .failure(let error):
      condition = error.fault.rawValue
      reason = error.description
    }
    let sizes = name.files(in: folders).map(Self.size)
    return Status.Database(
      name: name.rawValue, bytes: sizes[0], logBytes: sizes[1], schemaVersion: schema?.version,
      schema: schema?.name, keyGeneration: schema == nil ? nil : generation, condition: condition,
      reason: reason)
  }

  private static func size(of file: URL) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
    return attributes?[.size] as? Int ?? 0
  }
}
