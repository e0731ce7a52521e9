public import Foundation
public import Identity
public import Keyring

/// Whether the owner of a host has shown that the 24 words are written down. `host.json` remembers it.
public struct WordsAcknowledgement: Sendable {
  private let folders: HostFolders

  public init(folders: HostFolders) { self.folders = folders }

  /// Whether there is a whole host whose words nobody has shown to have. A host that cannot be looked at is not missing
  /// anything.
  public var isMissing: Bool {
    guard let file = try? HostSettingsFile.read(folders) else { return false }
    return file.isComplete && file.acknowledgedAt == nil
  }

  /// Remembers that the words are written down.
  /// - Throws: ``HostError/notInitialised`` where there is no host, or what the file system says.
  public func record(at time: Date) throws {
    guard var file = try HostSettingsFile.read(folders) else { throw HostError.notInitialised }
    file.acknowledgedAt = time
    try file.write(folders)
  }

  /// The identity of the host, from where its keys rest.
  /// - Throws: ``HostError/keysMissing(keyStore:)`` where they are not, and whatever keeps the settings from being read.
  public func master() throws -> MasterKey {
    let settings = try HostSettings.load(folders: folders)
    let store = HostKeyStore.open(settings.keyStore, hostID: settings.hostID, folders: folders)
    guard let entropy = try store.load(.masterKey) else {
      throw HostError.keysMissing(keyStore: settings.keyStore.rawValue)
    }
    return try MasterKey(entropy: entropy)
  }
}
