public import SecretMemory

/// What rests in a key store.
public enum KeyItem: Hashable, Sendable {
  /// The 32 bytes of the master identity.
  case masterKey
  /// The 32 bytes of the identity that a host is changing to.
  case nextMasterKey
  /// The 32 bytes from which every database's key derives.
  case dataKey
  /// The 32 bytes of the data key that a host is changing to.
  case nextDataKey
  /// Where the exchange of the data key stands, while it is not done.
  case keyRotation
  /// The name and the key of this device, 36 bytes, with which it signs request tokens.
  case deviceKey
  /// The key of a hosted model server.
  case modelKey(String)
  /// The access key for a peer.
  case peerKey(String)
  /// The 32 bytes from which this machine's keys for pairing with other hosts derive.
  case connectorSeed

  /// How the item is named inside the store.
  public var name: String {
    switch self {
    case .masterKey: "master-key"
    case .nextMasterKey: "next-master-key"
    case .dataKey: "data-key"
    case .nextDataKey: "next-data-key"
    case .keyRotation: "key-rotation"
    case .deviceKey: "device-key"
    case .modelKey(let provider): "model-key:\(provider)"
    case .peerKey(let peer): "peer-key:\(peer)"
    case .connectorSeed: "connector-seed"
    }
  }

  /// The item of a name; nil for a name that no item has.
  public init?(name: String) {
    func rest(after prefix: String) -> String? {
      name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
    }
    switch name {
    case "master-key": self = .masterKey
    case "next-master-key": self = .nextMasterKey
    case "data-key": self = .dataKey
    case "next-data-key": self = .nextDataKey
    case "key-rotation": self = .keyRotation
    case "device-key": self = .deviceKey
    case "connector-seed": self = .connectorSeed
    default:
      if let provider = rest(after: "model-key:") {
        self = .modelKey(provider)
      } else if let peer = rest(after: "peer-key:") {
        self = .peerKey(peer)
      } else {
        return nil
      }
    }
  }
}

/// Which kind of store holds the keys. The raw values are what people write.
public enum KeyStoreKind: String, CaseIterable, Codable, Sendable {
  case secretService = "secret-service"
  case passphrase
  case systemdCredential = "systemd-credential"
  case file
}

/// Where keys rest. Calls may wait for the system, and for a person at a prompt.
public protocol KeyStore: Sendable {
  var kind: KeyStoreKind { get }

  /// Keeps a secret under a name, in place of what was there.
  func store(_ secret: borrowing SecretBytes, as item: KeyItem) throws(KeyringError)

  /// The secret under a name; nil only where the store answered and has none.
  func load(_ item: KeyItem) throws(KeyringError) -> SecretBytes?

  /// Forgets a name. Forgetting what is not there does nothing.
  func remove(_ item: KeyItem) throws(KeyringError)

  /// The names of everything that is kept, in no order. Nothing is opened for it.
  func names() throws(KeyringError) -> [String]
}
