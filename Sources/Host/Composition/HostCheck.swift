import Foundation
public import Identity
public import Keyring
public import Storage

/// A look at a host that changes nothing: whether its keys are in their place and open its databases. A running
/// service is not disturbed.
public struct HostCheck: Sendable {
  /// The address of the whole host.
  public let address: Address
  /// How each database is.
  public let databases: [DatabaseName: EncryptedDatabase.Condition]

  /// Looks at the host in `folders`.
  /// - Throws: what `HostServices.open` would throw for its keys and databases.
  public init(folders: HostFolders, settings: HostSettings) throws {
    let (master, dataKey) = try HostKeyStore.keys(of: settings, folders: folders)
    address = master.address
    databases = try DatabaseName.allCases.reduce(into: [:]) { found, name in
      found[name] = try EncryptedDatabase.check(
        name, in: folders, key: dataKey, migrator: HostDatabases.migrator(of: name))
    }
  }
}
