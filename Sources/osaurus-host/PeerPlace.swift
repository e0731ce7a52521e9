import Connector
import Foundation
import Host
import Keyring

/// Where this machine keeps the hosts that it connects to, and their keys. It needs no host of its own for that.
struct PeerPlace {
  let book: PeerBook

  /// What is there already; an empty book where nothing is.
  static func open() throws -> PeerPlace {
    let folders = try OpenHost.folders()
    let choice = try ConnectorSettings.read(folders) ?? ConnectorSettings(id: UUID(), keystore: .file)
    return PeerPlace(choice, folders)
  }

  /// The place to add a peer to, made where there is none.
  static func make(keyStore wanted: KeyStoreKind?) throws -> PeerPlace {
    let folders = try OpenHost.folders()
    if let choice = try ConnectorSettings.read(folders) {
      guard wanted == nil || wanted == choice.keystore else {
        throw CommandFailure.wrongUsage(
          "The keys of other hosts rest in '\(choice.keystore.rawValue)' here; leave --keystore out.")
      }
      return PeerPlace(choice, folders)
    }
    try folders.create()
    let choice = ConnectorSettings(id: UUID(), keystore: try HostKeyStore.choose(wanted))
    try choice.write(folders)
    if choice.keystore == .file { Terminal.note(HostKeyStore.plainWords(.file)) }
    return PeerPlace(choice, folders)
  }

  private init(_ choice: ConnectorSettings, _ folders: HostFolders) {
    book = PeerBook(
      folders: folders, keys: HostKeyStore.open(choice.keystore, hostID: choice.id, folders: folders))
  }
}
