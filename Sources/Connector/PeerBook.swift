import Foundation
public import Identity
public import Keyring

/// The peers that this machine knows: a file that only its owner may open, and each peer's key in the key store.
///
/// Several processes may use one book. A peer that is listed has had its key stored first; a crash in between leaves
/// at most a key that nothing refers to.
public struct PeerBook: Sendable {
  /// The largest file, in bytes: thousands of peers.
  static let limit = 1024 * 1024

  private let folder: URL
  private let file: URL
  private let keys: any KeyStore

  public init(folders: HostFolders, keys: any KeyStore) {
    folder = folders.configuration
    file = folders.peersFile
    self.keys = keys
  }

  /// The peers, sorted by name.
  /// - Throws: `KeyringError`, `malformed` for a file that holds anything else.
  public func list() throws -> [Peer] {
    guard let bytes = try PrivateFile.read(file, limit: Self.limit) else { return [] }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    guard let content = try? decoder.decode(Content.self, from: Data(bytes)), content.version == 1,
      Set(content.peers.map(\.name)).count == content.peers.count
    else { throw KeyringError.malformed(path: file.path) }
    return content.peers.sorted { $0.name < $1.name }
  }

  /// - Throws: ``ConnectorError/noSuchPeer(_:)``, or as ``list()``.
  public func peer(named name: String) throws -> Peer {
    guard let peer = try list().first(where: { $0.name == name }) else {
      throw ConnectorError.noSuchPeer(name)
    }
    return peer
  }

  /// - Throws: ``ConnectorError/noKey(peer:)``, or `KeyringError` where the key store cannot be asked.
  public func key(of peer: Peer) throws -> PeerKey {
    guard let bytes = try keys.load(.peerKey(peer.name)) else { throw ConnectorError.noKey(peer: peer.name) }
    return try PeerKey(bytes)
  }

  /// Keeps a peer and its key; both or neither.
  /// - Throws: ``ConnectorError/peerExists(_:)``, ``ConnectorError/bookFull`` or `KeyringError`.
  public func add(_ peer: Peer, key: PeerKey) throws {
    try change { peers in
      guard !peers.contains(where: { $0.name == peer.name }) else {
        throw ConnectorError.peerExists(peer.name)
      }
      peers.append(peer)
      let content = try encoded(peers)
      try key.withSecret { secret throws(KeyringError) in try keys.store(secret, as: .peerKey(peer.name)) }
      do {
        try PrivateFile.replace(file, with: content)
      } catch {
        try? keys.remove(.peerKey(peer.name))
        throw error
      }
    }
  }

  /// Notes that a peer proved itself.
  /// - Throws: ``ConnectorError/noSuchPeer(_:)`` or `KeyringError`.
  public func record(_ handshake: Peer.Handshake, for name: String) throws {
    try change { peers in
      guard let index = peers.firstIndex(where: { $0.name == name }) else {
        throw ConnectorError.noSuchPeer(name)
      }
      peers[index].lastHandshake = handshake
      try PrivateFile.replace(file, with: try encoded(peers))
    }
  }

  /// Puts a peer at other places.
  /// - Throws: ``ConnectorError/noSuchPeer(_:)``, ``ConnectorError/invalidURL(reason:)`` or `KeyringError`.
  @discardableResult
  public func move(_ name: String, to url: String, relayURL: String?) throws -> Peer {
    try change { peers in
      guard let index = peers.firstIndex(where: { $0.name == name }) else {
        throw ConnectorError.noSuchPeer(name)
      }
      peers[index] = try peers[index].moved(to: url, relayURL: relayURL)
      try PrivateFile.replace(file, with: try encoded(peers))
      return peers[index]
    }
  }

  /// Has what is sealed for a peer padded, or no more.
  /// - Throws: ``ConnectorError/noSuchPeer(_:)`` or `KeyringError`.
  public func pad(_ name: String, isPadded: Bool) throws {
    try change { peers in
      guard let index = peers.firstIndex(where: { $0.name == name }) else {
        throw ConnectorError.noSuchPeer(name)
      }
      peers[index] = peers[index].padded(isPadded)
      try PrivateFile.replace(file, with: try encoded(peers))
    }
  }

  /// Forgets a peer and its key, and gives the peer back to be shown.
  /// - Throws: ``ConnectorError/noSuchPeer(_:)`` or `KeyringError`.
  public func forget(_ name: String) throws -> Peer {
    try change { peers in
      guard let index = peers.firstIndex(where: { $0.name == name }) else {
        throw ConnectorError.noSuchPeer(name)
      }
      let peer = peers.remove(at: index)
      try PrivateFile.replace(file, with: try encoded(peers))
      try keys.remove(.peerKey(name))
      return peer
    }
  }

  // MARK: Pairing

  /// What this machine's keys for pairing derive from: what was kept, or something new that ``keep(_:)`` keeps.
  /// - Throws: `KeyringError`, also where something else was kept.
  public func connectorSeed() throws -> ConnectorSeed {
    guard let kept = try keys.load(.connectorSeed) else { return .generate() }
    guard let seed = ConnectorSeed(kept) else {
      throw KeyringError.malformed(path: KeyItem.connectorSeed.name)
    }
    return seed
  }

  /// Keeps what this machine's keys for pairing derive from, unless something is kept.
  /// - Throws: `KeyringError`.
  public func keep(_ seed: ConnectorSeed) throws {
    try change { _ in
      guard try keys.load(.connectorSeed) == nil else { return }
      try seed.withSecret { secret throws(KeyringError) in try keys.store(secret, as: .connectorSeed) }
    }
  }

  private struct Content: Codable {
    var version = 1
    var peers: [Peer] = []
  }

  private func encoded(_ peers: [Peer]) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    let bytes = [UInt8](try encoder.encode(Content(peers: peers.sorted { $0.name < $1.name })))
    guard bytes.count <= Self.limit else { throw ConnectorError.bookFull }
    return bytes
  }

  /// Reads the peers and lends them to `body`, which writes, while no other process changes them.
  private func change<R>(_ body: (inout [Peer]) throws -> R) throws -> R {
    try PrivateFile.makeFolder(folder)
    let lock = try FileLock(waitingFor: file.appendingPathExtension("lock"))
    defer { withExtendedLifetime(lock) {} }
    var peers = try list()
    return try body(&peers)
  }
}
