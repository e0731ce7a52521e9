import AsyncHTTPClient
import Foundation
public import Identity
import Inference
public import Keyring
public import Storage

/// A look at a host that changes nothing: whether its keys are in their place and open its databases. A running
/// service is not disturbed.
public struct HostCheck: Sendable {
  /// The address of the whole host.
  public let address: Address
  /// How each database is that is missing or opens.
  public let databases: [DatabaseName: EncryptedDatabase.Condition]
  /// Those that do not open, though the key is right.
  public let degraded: [DegradedDatabase]

  /// Looks at the host in `folders`.
  /// - Throws: what `HostServices.open` would throw for its keys and databases.
  public init(folders: HostFolders, settings: HostSettings) throws {
    let use = try DataUse.shared(folders)
    defer { use.end() }
    let (master, dataKey) = try HostKeyStore.keys(of: settings, folders: folders)
    address = master.address
    (databases, degraded) = try HostDatabases.check(in: folders, key: dataKey)
  }

  /// The models on offer, as the service would find them, and the default among them.
  /// - Throws: what `HostServices.open` would throw for the server that the owner named.
  public static func models(
    folders: HostFolders, settings: HostSettings
  ) async throws -> (offered: [String], current: String?) {
    let client = HTTPClient.forModels()
    do {
      let runtime = ManagedRuntime(folder: folders.modelRuntime, client: client)
      let catalogue = try ModelCatalogue(
        settings: settings, folders: folders, managed: runtime, client: client)
      let offered = await catalogue.models().map(\.id)
      let current = try? await catalogue.resolve(nil).model
      try await client.shutdown()
      return (offered, current)
    } catch {
      try? await client.shutdown()
      throw error
    }
  }
}

extension ModelCatalogue {
  /// What the settings of a host offer.
  init(
    settings: HostSettings, folders: HostFolders, managed: ManagedRuntime, client: HTTPClient
  ) throws {
    self.init(
      configured: try ConfiguredModelServer(settings: settings, folders: folders)?.provider(client: client),
      detect: settings.detectsLocalServers, managed: managed, defaultModel: settings.model, client: client)
  }
}
