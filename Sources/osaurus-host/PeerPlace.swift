import Connector
import Foundation
import Host
import Keyring

/// Where this machine keeps the hosts that it connects to, and their keys. It needs no host of its own for that.
struct PeerPlace {
  let book: PeerBook

  /// `connector.json`: where the keys of peers rest, decided when the first one is added.
  private struct Choice: Codable {
    var id: UUID
    var keystore: KeyStoreKind
  }

  /// What is there already; an empty book where nothing is.
  static func open() throws -> PeerPlace {
    let folders = try OpenHost.folders()
    let choice = try read(folders) ?? Choice(id: UUID(), keystore: .file)
    return PeerPlace(choice, folders)
  }

  /// The place to add a peer to, made where there is none.
  static func make(keyStore wanted: KeyStoreKind?) throws -> PeerPlace {
    let folders = try OpenHost.folders()
    if let choice = try read(folders) {
      guard wanted == nil || wanted == choice.keystore else {
        throw CommandFailure.wrongUsage(
          "The keys of other hosts rest in '\(choice.keystore.rawValue)' here; leave --keystore out.")
      }
      return PeerPlace(choice, folders)
    }
    try folders.create()
    let choice = Choice(id: UUID(), keystore: try HostKeyStore.choose(wanted))
    try PrivateFile.replace(file(folders), with: [UInt8](try JSONEncoder().encode(choice)))
    if choice.keystore == .file { Terminal.note(HostKeyStore.plainWords(.file)) }
    return PeerPlace(choice, folders)
  }

  private init(_ choice: Choice, _ folders: HostFolders) {
    book = PeerBook(
      folders: folders, keys: HostKeyStore.open(choice.keystore, hostID: choice.id, folders: folders))
  }

  private static func file(_ folders: HostFolders) -> URL {
    folders.configuration.appending(path: "connector.json")
  }

  private static func read(_ folders: HostFolders) throws -> Choice? {
    let file = file(folders)
    guard let bytes = try PrivateFile.read(file, limit: 4096) else { return nil }
    guard let choice = try? JSONDecoder().decode(Choice.self, from: Data(bytes)) else {
      throw KeyringError.malformed(path: file.path)
    }
    return choice
  }
}
