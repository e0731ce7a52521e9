import CSodium
public import Foundation
public import Identity
public import Keyring
import SecretMemory

/// One way to the data key: the key itself, sealed under what the 24 words, a passphrase or a machine give.
///
/// The box is XChaCha20-Poly1305 with a random nonce; everything else that stands in the slot, and the host that it
/// belongs to, are its additional data. So a slot opens in its own host and unchanged, or not at all.
public struct KeySlot: Hashable, Sendable, Identifiable {
  /// What opens a slot.
  public enum Kind: Hashable, Sendable {
    /// The 24 words of the identity with this address.
    case phrase(Address)
    /// A passphrase, through Argon2id with this salt.
    case passphrase(Argon2Parameters, salt: [UInt8])
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
  /// The identity whose words open it; nil for a passphrase.
  public var phrase: Address? {
    if case .phrase(let address) = kind { address } else { nil }
  }

  static let nonceSize = Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
  static let sealedSize = DataKey.byteCount + Int(crypto_aead_xchacha20poly1305_ietf_ABYTES)

  public let id: UUID
  public let kind: Kind
  /// When it was made, in whole seconds since 1970.
  public let created: Int64
  let nonce: [UInt8]
  let sealed: [UInt8]

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
        kind = .passphrase(chosen, salt: RandomBytes.make(Argon2Parameters.saltSize))
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
    nonce = RandomBytes.make(Self.nonceSize)
    let header = Self.header(host: host, id: id, kind: kind, created: created)
    guard let key = try secret.key(for: kind) else { preconditionFailure("a secret fits its own slot") }
    sealed = Self.seal(dataKey, under: key, nonce: nonce, header: header)
  }

  private init(id: UUID, kind: Kind, created: Int64, nonce: [UInt8], sealed: [UInt8]) {
    self.id = id
    self.kind = kind
    self.created = created
    self.nonce = nonce
    self.sealed = sealed
  }

  /// The data key; nil where the secret is not the one of this slot, or the slot was changed.
  /// - Throws: ``StorageError/file(_:)``.
  func open(with secret: borrowing SlotSecret, host: UUID) throws(StorageError) -> DataKey? {
    guard let key = try secret.key(for: kind) else { return nil }
    let header = header(host: host)
    var isOpen = false
    // Straight into guarded memory.
    let opened = SecretBytes(count: DataKey.byteCount) { target in
      key.withUnsafeBytes { key in
        isOpen =
          crypto_aead_xchacha20poly1305_ietf_decrypt(
            target.baseAddress!.assumingMemoryBound(to: UInt8.self), nil, nil, sealed, UInt64(sealed.count),
            header, UInt64(header.count), nonce, key.baseAddress!.assumingMemoryBound(to: UInt8.self)) == 0
      }
    }
    return isOpen ? try DataKey(opened) : nil
  }

  private static func seal(
    _ dataKey: DataKey, under key: borrowing SecretBytes, nonce: [UInt8], header: [UInt8]
  ) -> [UInt8] {
    var sealed = [UInt8](repeating: 0, count: sealedSize)
    dataKey.withUnsafeBytes { dataKey in
      key.withUnsafeBytes { key in
        _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
          &sealed, nil, dataKey.baseAddress!.assumingMemoryBound(to: UInt8.self), UInt64(dataKey.count),
          header,
          UInt64(header.count), nil, nonce, key.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
    }
    return sealed
  }

  /// What the box authenticates besides the key, one value a line; none of them can hold a line end.
  private static func header(host: UUID, id: UUID, kind: Kind, created: Int64) -> [UInt8] {
    var lines = ["osaurus-slot-v1", host.uuidString, id.uuidString, kind.name, String(created)]
    switch kind {
    case .phrase(let address): lines.append(address.lowercased)
    case .passphrase(let cost, let salt):
      lines += [String(cost.operations), String(cost.memory), Data(salt).base64EncodedString()]
    case .credential(let sealed): lines.append(Data(sealed).base64EncodedString())
    }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  private func header(host: UUID) -> [UInt8] { Self.header(host: host, id: id, kind: kind, created: created) }

  /// The whole slot, as the list of slots authenticates it.
  func message(host: UUID) -> [UInt8] { header(host: host) + nonce + sealed }
}

/// The slot in `keyslots.json`. Whatever could not have been written is refused.
extension KeySlot: Codable {
  private enum CodingKeys: String, CodingKey {
    case id, kind, created, address, operations, memory, salt, credential, nonce, sealed
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
      kind = .passphrase(cost, salt: try bytes(.salt, Argon2Parameters.saltSize))
    case "credential":
      let sealed = try container.decode(Data.self, forKey: .credential)
      guard (1...Self.credentialLimit).contains(sealed.count) else { throw refusal(.credential) }
      kind = .credential([UInt8](sealed))
    default: throw refusal(.kind)
    }
    self.init(
      id: try container.decode(UUID.self, forKey: .id), kind: kind,
      created: try container.decode(Int64.self, forKey: .created), nonce: try bytes(.nonce, Self.nonceSize),
      sealed: try bytes(.sealed, Self.sealedSize))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encode(kind.name, forKey: .kind)
    try container.encode(created, forKey: .created)
    switch kind {
    case .phrase(let address): try container.encode(address, forKey: .address)
    case .passphrase(let cost, let salt):
      try container.encode(cost.operations, forKey: .operations)
      try container.encode(cost.memory, forKey: .memory)
      try container.encode(Data(salt), forKey: .salt)
    case .credential(let sealed): try container.encode(Data(sealed), forKey: .credential)
    }
    try container.encode(Data(nonce), forKey: .nonce)
    try container.encode(Data(sealed), forKey: .sealed)
  }
}
