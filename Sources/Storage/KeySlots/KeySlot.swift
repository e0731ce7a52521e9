public import Foundation
public import Identity
public import Keyring
import SecretMemory

/// One way to the data key: the key itself, sealed under what the 24 words, a passphrase or a machine give.
///
/// Everything else that stands in the slot, and the host that it belongs to, are authenticated with it: a slot opens in its
/// own host and unchanged, or not at all. What a passphrase gives is the private key of a pair whose public one stands
/// in the slot, so that another data key can take the place of the first without anybody typing it.
public struct KeySlot: Hashable, Sendable, Identifiable {
  /// What opens a slot.
  public enum Kind: Hashable, Sendable {
    /// The 24 words of the identity with this address.
    case phrase(Address)
    /// A passphrase, which Argon2id with this salt turns into the private key of this public one.
    case passphrase(Argon2Parameters, salt: [UInt8], publicKey: [UInt8])
    /// 32 bytes that `systemd-creds` sealed on a machine, as the text that it gave.
    case credential([UInt8])

    /// How people call it.
    public var name: String {
      switch self {
      case .phrase: "phrase"
      case .passphrase: "passphrase"
      case .credential: "credential"
      }
    }
  }

  /// The most bytes of a sealed credential.
  static let credentialLimit = 4096

  /// The identity whose words open it; nil for anything else.
  public var phrase: Address? {
    if case .phrase(let address) = kind { address } else { nil }
  }

  public let id: UUID
  public let kind: Kind
  /// When it was made, in whole seconds since 1970.
  public let created: Int64
  let box: SlotBox

  /// Seals a data key. `cost` is for passphrases.
  /// - Throws: ``StorageError/file(_:)``.
  init(
    _ dataKey: DataKey, under secret: borrowing SlotSecret, host: UUID, created: Int64,
    cost: Argon2Parameters?
  ) throws(StorageError) {
    switch secret {
    case .phrase(let master): kind = .phrase(master.address)
    case .passphrase(let passphrase):
      do {
        try passphrase.checkLength()
        let chosen = if let cost { cost } else { try Argon2Parameters.measured() }
        let salt = RandomBytes.make(Argon2Parameters.saltSize)
        kind = .passphrase(
          chosen, salt: salt, publicKey: SlotBox.publicKey(of: try chosen.key(for: passphrase, salt: salt)))
      } catch {
        throw .file(error)
      }
    case .credential(let binding):
      do throws(KeyringError) {
        let sealed = try SystemdCredentials().encrypt(
          .random(count: DataKey.byteCount), name: SlotSecret.credentialName, with: binding)
        guard sealed.count <= Self.credentialLimit else {
          throw .credentialRefused("it is larger than \(Self.credentialLimit) bytes")
        }
        kind = .credential(sealed)
      } catch {
        throw .file(error)
      }
    }
    id = UUID()
    self.created = created
    let header = Self.header(host: host, id: id, kind: kind, created: created)
    box = try Self.box(dataKey, kind, secret, header)
  }

  private init(id: UUID, kind: Kind, created: Int64, box: SlotBox) {
    self.id = id
    self.kind = kind
    self.created = created
    self.box = box
  }

  /// The same slot around another data key: whatever opened this one opens it.
  /// - Parameter secret: what opens it. A slot for a passphrase needs none.
  /// - Throws: ``StorageError/slotCannotFollow(_:reason:)`` where it does not open this one.
  func holding(
    _ dataKey: DataKey, secret: borrowing SlotSecret, host: UUID
  ) throws(StorageError) -> KeySlot {
    do {
      let box = try Self.box(dataKey, kind, secret, header(host: host))
      return KeySlot(id: id, kind: kind, created: created, box: box)
    } catch {
      guard case .file(let reason) = error else { throw error }
      throw .slotCannotFollow(kind.name, reason: reason.description)
    }
  }

  private static func box(
    _ dataKey: DataKey, _ kind: Kind, _ secret: borrowing SlotSecret, _ header: [UInt8]
  ) throws(StorageError) -> SlotBox {
    if case .passphrase(_, _, let publicKey) = kind {
      return try SlotBox(dataKey, to: publicKey, header: header)
    }
    guard let key = try secret.key(for: kind) else {
      throw .slotCannotFollow(kind.name, reason: "it is another identity's")
    }
    return SlotBox(dataKey, under: key, header: header)
  }

  /// The data key; nil where the secret is not the one of this slot, or the slot was changed.
  /// - Throws: ``StorageError/file(_:)``.
  func open(with secret: borrowing SlotSecret, host: UUID) throws(StorageError) -> DataKey? {
    guard let key = try secret.key(for: kind) else { return nil }
    switch kind {
    case .phrase, .credential: return try box.open(under: key, header: header(host: host))
    case .passphrase: return try box.open(withPrivateKey: key, header: header(host: host))
    }
  }

  /// What is authenticated besides the key, one value a line; none of them can hold a line end.
  private static func header(host: UUID, id: UUID, kind: Kind, created: Int64) -> [UInt8] {
    var lines = ["osaurus-slot-v2", host.uuidString, id.uuidString, kind.name, String(created)]
    switch kind {
    case .phrase(let address): lines.append(address.lowercased)
    case .passphrase(let cost, let salt, let publicKey):
      lines += [
        String(cost.operations), String(cost.memory), Data(salt).base64EncodedString(),
        Data(publicKey).base64EncodedString(),
      ]
    case .credential(let sealed): lines.append(Data(sealed).base64EncodedString())
    }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  private func header(host: UUID) -> [UInt8] { Self.header(host: host, id: id, kind: kind, created: created) }

  /// The whole slot, as the list of slots authenticates it.
  func message(host: UUID) -> [UInt8] { header(host: host) + box.fresh + box.sealed }
}

/// The slot in `keyslots.json`. Whatever could not have been written is refused.
extension KeySlot: Codable {
  private enum CodingKeys: String, CodingKey {
    case id, kind, created, address, operations, memory, salt, publicKey, credential, nonce, encapsulated,
      sealed
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func bytes(_ key: CodingKeys, _ count: Int) throws -> [UInt8] {
      let bytes = [UInt8](try container.decode(Data.self, forKey: key))
      guard bytes.count == count else { throw refusal(key) }
      return bytes
    }
    func refusal(_ key: CodingKeys) -> DecodingError {
      .dataCorruptedError(forKey: key, in: container, debugDescription: "out of bounds")
    }
    let kind: Kind
    switch try container.decode(String.self, forKey: .kind) {
    case "phrase": kind = .phrase(try container.decode(Address.self, forKey: .address))
    case "passphrase":
      guard
        let cost = Argon2Parameters(
          operations: try container.decode(Int.self, forKey: .operations),
          memory: try container.decode(Int.self, forKey: .memory))
      else { throw refusal(.memory) }
      kind = .passphrase(
        cost, salt: try bytes(.salt, Argon2Parameters.saltSize),
        publicKey: try bytes(.publicKey, SlotBox.publicKeySize))
    case "credential":
      let sealed = try container.decode(Data.self, forKey: .credential)
      guard (1...Self.credentialLimit).contains(sealed.count) else { throw refusal(.credential) }
      kind = .credential([UInt8](sealed))
    default: throw refusal(.kind)
    }
    let fresh =
      if case .passphrase = kind {
        try bytes(.encapsulated, SlotBox.publicKeySize)
      } else {
        try bytes(.nonce, SlotBox.nonceSize)
      }
    self.init(
      id: try container.decode(UUID.self, forKey: .id), kind: kind,
      created: try container.decode(Int64.self, forKey: .created),
      box: SlotBox(fresh: fresh, sealed: try bytes(.sealed, SlotBox.sealedSize)))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encode(kind.name, forKey: .kind)
    try container.encode(created, forKey: .created)
    switch kind {
    case .phrase(let address):
      try container.encode(address, forKey: .address)
      try container.encode(Data(box.fresh), forKey: .nonce)
    case .passphrase(let cost, let salt, let publicKey):
      try container.encode(cost.operations, forKey: .operations)
      try container.encode(cost.memory, forKey: .memory)
      try container.encode(Data(salt), forKey: .salt)
      try container.encode(Data(publicKey), forKey: .publicKey)
      try container.encode(Data(box.fresh), forKey: .encapsulated)
    case .credential(let sealed):
      try container.encode(Data(sealed), forKey: .credential)
      try container.encode(Data(box.fresh), forKey: .nonce)
    }
    try container.encode(Data(box.sealed), forKey: .sealed)
  }
}
