import CSecretService
public import Foundation
public import SecretMemory

/// The desktop keyring, over the Secret Service protocol. Items carry the host's id, so that two hosts of one person
/// never touch each other's keys. Nothing is ever unlocked from here: a service has no screen to ask on, so a locked
/// keyring is refused at once.
public struct SecretServiceKeyStore: KeyStore {
  /// How long a call may take. Some keyrings ask a person before they hand out a secret.
  public static let patience: Duration = .seconds(60)

  /// The largest secret, in bytes.
  static let limit = 64 * 1024
  /// The bytes of all names together.
  private static let namesLimit = 1024 * 1024

  public let kind = KeyStoreKind.secretService
  private let host: String
  private let milliseconds: UInt32

  public init(hostID: UUID, patience: Duration = Self.patience) {
    host = hostID.uuidString
    milliseconds = Self.milliseconds(patience)
  }

  /// Whether a keyring answers at all, without unlocking or storing anything.
  /// - Throws: ``KeyringError``.
  public static func probe(patience: Duration = .seconds(5)) throws(KeyringError) {
    try call { osr_secret_probe(milliseconds(patience), $0) }
  }

  public func store(_ secret: borrowing SecretBytes, as item: KeyItem) throws(KeyringError) {
    try secret.withUnsafeBytes { bytes throws(KeyringError) in
      _ = try Self.call { message in
        osr_secret_store(
          host, item.name, "osaurus-host: \(item.name)",
          bytes.assumingMemoryBound(to: UInt8.self).baseAddress,
          bytes.count, milliseconds, message)
      }
    }
  }

  public func load(_ item: KeyItem) throws(KeyringError) -> SecretBytes? {
    var copied = [UInt8](repeating: 0, count: Self.limit)
    defer { wipe(&copied) }
    var length = 0
    let isFound = try Self.call { message in
      osr_secret_lookup(host, item.name, &copied, Self.limit, &length, milliseconds, message)
    }
    guard isFound else { return nil }
    guard length <= Self.limit else { throw .refused("the item '\(item.name)' is larger than any key") }
    var secret = Array(copied[..<length])
    return SecretBytes(taking: &secret)
  }

  public func remove(_ item: KeyItem) throws(KeyringError) {
    try Self.call { osr_secret_clear(host, item.name, milliseconds, $0) }
  }

  public func names() throws(KeyringError) -> [String] {
    var names = [CChar](repeating: 0, count: Self.namesLimit)
    var length = 0
    let isAny = try Self.call { message in
      osr_secret_list(host, &names, Self.namesLimit, &length, milliseconds, message)
    }
    guard isAny else { return [] }
    guard length <= Self.namesLimit else { throw .refused("there are more items than a host has") }
    return names[..<length].split(separator: 0).map { name in
      String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  private static func milliseconds(_ duration: Duration) -> UInt32 {
    UInt32(min(max((duration / .milliseconds(1)).rounded(.up), 0), Double(UInt32.max)))
  }

  /// Makes a call; false when it says that there is no such item.
  @discardableResult
  private static func call(
    _ body: (UnsafeMutablePointer<CChar>) -> osr_secret_status
  ) throws(KeyringError) -> Bool {
    var message = [CChar](repeating: 0, count: Int(OSR_SECRET_MESSAGE_SIZE))
    let status = message.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
    let words = String(
      decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    switch status {
    case OSR_SECRET_OK: return true
    case OSR_SECRET_NOT_FOUND: return false
    case OSR_SECRET_UNAVAILABLE: throw .unavailable(words)
    case OSR_SECRET_LOCKED: throw .locked
    case OSR_SECRET_NO_COLLECTION: throw .noCollection
    case OSR_SECRET_TIMED_OUT: throw .timedOut
    case OSR_SECRET_DISMISSED: throw .dismissed
    case OSR_SECRET_ENDED: throw .ended
    default: throw .refused(words)
    }
  }
}
