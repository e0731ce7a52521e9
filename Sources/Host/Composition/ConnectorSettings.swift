public import Foundation
public import Keyring

/// `connector.json`: where the keys for the hosts rest that this machine connects to, decided when the first one is
/// added.
public struct ConnectorSettings: Codable, Hashable, Sendable {
  /// The most bytes of the file.
  private static let limit = 4096

  /// What tells these items in a keyring from those of a host.
  public var id: UUID
  public var keystore: KeyStoreKind
  var keystoreCopyingTo: KeyStoreKind?
  var keystoreLeaving: KeyStoreKind?

  public init(id: UUID, keystore: KeyStoreKind) {
    self.id = id
    self.keystore = keystore
  }

  /// What the file says; nil where there is none.
  /// - Throws: `KeyringError`, `malformed` for anything else than what this program writes.
  public static func read(_ folders: HostFolders) throws(KeyringError) -> ConnectorSettings? {
    let file = folders.connectorFile
    guard let bytes = try PrivateFile.read(file, limit: limit) else { return nil }
    guard let settings = try? JSONDecoder().decode(ConnectorSettings.self, from: Data(bytes)) else {
      throw .malformed(path: file.path)
    }
    return settings
  }

  /// Replaces the file, at once and whole.
  public func write(_ folders: HostFolders) throws {
    try PrivateFile.replace(folders.connectorFile, with: [UInt8](try JSONEncoder().encode(self)))
  }
}

extension HostFolders {
  /// Where the keys for other hosts rest.
  var connectorFile: URL { configuration.appending(path: "connector.json") }
}
