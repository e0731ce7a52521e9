import CSodium
import Foundation
import SecretMemory

/// What a sealed key file says: a header, which is in the clear and authenticated, and the items in one
/// XChaCha20-Poly1305 box, in the form of ``KeyFileContent``.
struct SealedKeyFile {
  /// What opens the box.
  enum Lock: Hashable, Sendable {
    /// A passphrase, through Argon2id with this salt.
    case passphrase(Argon2Parameters, salt: [UInt8])
    /// The 32 bytes in the systemd credential of this name.
    case credential(name: String)
  }

  private static let version = 1
  private static let nonceSize = Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
  private static let tagSize = Int(crypto_aead_xchacha20poly1305_ietf_ABYTES)

  let lock: Lock
  /// The names of the items, sorted.
  let names: [String]
  private let nonce: [UInt8]
  private let sealed: [UInt8]

  /// Seals the text of a ``KeyFileContent`` that has these items.
  init(_ text: [UInt8], names: [String], lock: Lock, key: borrowing SecretBytes) {
    self.lock = lock
    self.names = names.sorted()
    nonce = RandomBytes.make(Self.nonceSize)
    let header = Self.header(lock, self.names)
    var sealed = [UInt8](repeating: 0, count: text.count + Self.tagSize)
    let nonce = nonce
    key.withUnsafeBytes { key in
      _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
        &sealed, nil, text, UInt64(text.count), header, UInt64(header.count), nil, nonce,
        key.baseAddress!.assumingMemoryBound(to: UInt8.self))
    }
    self.sealed = sealed
  }

  /// The items; nil where the key is another one, or the file was changed.
  func open(with key: borrowing SecretBytes) -> KeyFileContent? {
    let header = Self.header(lock, names)
    // Of its size from the start: an array that grows leaves what it held behind.
    var text = [UInt8](repeating: 0, count: sealed.count - Self.tagSize)
    let isOpen = key.withUnsafeBytes { key in
      crypto_aead_xchacha20poly1305_ietf_decrypt(
        &text, nil, nil, sealed, UInt64(sealed.count), header, UInt64(header.count), nonce,
        key.baseAddress!.assumingMemoryBound(to: UInt8.self)) == 0
    }
    guard isOpen, let content = KeyFileContent(taking: &text), content.names.sorted() == names else {
      return nil
    }
    return content
  }

  /// What the box authenticates besides the items. Every part has an end that cannot occur within it, or its length.
  private static func header(_ lock: Lock, _ names: [String]) -> [UInt8] {
    var lines = ["osaurus-keys-v1"]
    switch lock {
    case .passphrase(let cost, let salt):
      lines += [
        "passphrase", String(cost.operations), String(cost.memory), Data(salt).base64EncodedString(),
      ]
    case .credential(let name): lines += ["credential", name]
    }
    lines.append(String(names.count))
    lines += names.map { "\($0.utf8.count):\($0)" }
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }
}

extension SealedKeyFile {
  private struct Content: Codable {
    var version: Int
    var kind: String
    var operations: Int?
    var memory: Int?
    var salt: Data?
    var credential: String?
    var items: [String]
    var nonce: Data
    var sealed: Data
  }

  private struct Version: Decodable {
    let version: Int
  }

  /// Parses a file: exactly what ``json`` would write, and nothing else.
  /// - Throws: ``KeyringError/newerFile(path:)`` or ``KeyringError/malformed(path:)``.
  init(json: [UInt8], path: String) throws(KeyringError) {
    let decoder = JSONDecoder()
    if let version = try? decoder.decode(Version.self, from: Data(json)).version, version > Self.version {
      throw .newerFile(path: path)
    }
    guard let content = try? decoder.decode(Content.self, from: Data(json)), content.version == Self.version,
      let lock = Self.lock(content), content.nonce.count == Self.nonceSize,
      content.sealed.count > Self.tagSize
    else { throw .malformed(path: path) }
    self.lock = lock
    names = content.items
    nonce = [UInt8](content.nonce)
    sealed = [UInt8](content.sealed)
    guard self.json == json else { throw .malformed(path: path) }
  }

  private static func lock(_ content: Content) -> Lock? {
    switch content.kind {
    case "passphrase":
      guard let operations = content.operations, let memory = content.memory, let salt = content.salt,
        let cost = Argon2Parameters(operations: operations, memory: memory),
        salt.count == Argon2Parameters.saltSize, content.credential == nil
      else { return nil }
      return .passphrase(cost, salt: [UInt8](salt))
    case "credential":
      guard let name = content.credential, CredentialName(rawValue: name) != nil else { return nil }
      return .credential(name: name)
    default: return nil
    }
  }

  /// The file's bytes: JSON on one line, its keys in order.
  var json: [UInt8] {
    var content = Content(
      version: Self.version, kind: "credential", items: names, nonce: Data(nonce), sealed: Data(sealed))
    switch lock {
    case .passphrase(let cost, let salt):
      content.kind = "passphrase"
      content.operations = cost.operations
      content.memory = cost.memory
      content.salt = Data(salt)
    case .credential(let name): content.credential = name
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let encoded = try? encoder.encode(content) else {
      preconditionFailure("numbers and texts are JSON")
    }
    return [UInt8](encoded) + [UInt8(ascii: "\n")]
  }
}
