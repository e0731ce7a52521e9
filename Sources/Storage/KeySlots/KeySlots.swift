import Crypto
public import Foundation
public import Identity
import Keyring
import SecretMemory

/// The ways to a host's data key besides its key store, in the order in which they were added.
///
/// The list as a whole is sealed under a key that derives from the data key: only who has it can add a slot, take one
/// away or put an older one in its place, and whoever opens a slot sees whether somebody else did.
public struct KeySlots: Hashable, Sendable {
  /// The most slots of a host.
  public static let limit = 8
  private static let version = 2

  /// The host whose data key this is.
  public let host: UUID
  public let slots: [KeySlot]
  /// HMAC-SHA256 over host and slots.
  private let seal: [UInt8]

  /// What a secret opened.
  public struct Opened: Sendable {
    public let slot: KeySlot
    public let key: DataKey
  }

  init(host: UUID, slots: [KeySlot], key: DataKey) {
    self.host = host
    self.slots = slots
    seal = key.slotListKey.withUnsafeBytes { key in
      Array(
        HMAC<SHA256>.authenticationCode(
          for: Self.message(host: host, slots: slots), using: SymmetricKey(data: key)))
    }
  }

  /// The identity whose 24 words open a slot; nil where none do.
  public var phraseAddress: Address? {
    for slot in slots { if case .phrase(let address) = slot.kind { return address } }
    return nil
  }

  /// Opens the first slot that the secret fits; nil where it fits none.
  /// - Throws: ``StorageError/alteredSlots`` where a slot opens but the list is not as this host left it, and
  ///   ``StorageError/file(_:)``.
  public func open(with secret: borrowing SlotSecret) throws(StorageError) -> Opened? {
    var refusal: StorageError?
    for slot in slots {
      let opened: DataKey?
      do throws(StorageError) {
        opened = try slot.open(with: secret, host: host)
      } catch {
        // One that another machine made is no reason to leave out the one of this machine.
        guard case .file(let reason) = error, case .credentialRefused(_) = reason else { throw error }
        refusal = error
        continue
      }
      guard let key = opened else { continue }
      try check(with: key)
      return Opened(slot: slot, key: key)
    }
    if let refusal { throw refusal }
    return nil
  }

  /// Makes sure that the list is as the holder of the data key left it.
  /// - Throws: ``StorageError/alteredSlots``.
  public func check(with key: DataKey) throws(StorageError) {
    let message = Self.message(host: host, slots: slots)
    let isRight = key.slotListKey.withUnsafeBytes { key in
      HMAC<SHA256>.isValidAuthenticationCode(seal, authenticating: message, using: SymmetricKey(data: key))
    }
    guard isRight else { throw .alteredSlots }
  }

  /// The same slots around another data key, in the same order: what opened each of these opens it.
  ///
  /// - Parameter master: the identity whose words have a slot.
  /// - Throws: ``StorageError/alteredSlots`` where these are not as the holder of `old` left them: a public key that
  ///   somebody else put there would get the new key. ``StorageError/slotCannotFollow(_:reason:)`` for words of
  ///   another identity, and for a machine that does not open its own slot.
  package func holding(
    _ new: DataKey, insteadOf old: DataKey, master: MasterKey
  ) throws(StorageError) -> KeySlots {
    try check(with: old)
    var made: [KeySlot] = []
    for slot in slots {
      // The secret of a slot for words; one for a passphrase needs none.
      let secret: SlotSecret = if case .credential = slot.kind { .credential(.auto) } else { .phrase(master) }
      let next = try slot.holding(new, secret: secret, host: host)
      if case .passphrase = slot.kind {
      } else {
        guard let opened = try next.open(with: secret, host: host), opened.isEqual(to: new) else {
          throw .slotCannotFollow(slot.kind.name, reason: "it did not open again")
        }
      }
      made.append(next)
    }
    return KeySlots(host: host, slots: made, key: new)
  }

  /// Every part has either a fixed length or an end that cannot occur within it, so no two lists give the same bytes.
  private static func message(host: UUID, slots: [KeySlot]) -> [UInt8] {
    Array("osaurus-slots-v2\n\(host.uuidString)\n\(slots.count)\n".utf8)
      + slots.flatMap { $0.message(host: host) }
  }
}

extension KeySlots {
  private struct Content: Codable {
    var version: Int
    var host: UUID
    var slots: [KeySlot]
    var seal: Data
  }

  private struct Version: Decodable {
    let version: Int
  }

  /// Parses `keyslots.json`: exactly what ``json`` would write, and nothing else.
  /// - Throws: ``StorageError/malformedSlots``, ``StorageError/newerSlots`` or ``StorageError/olderSlots``.
  init(json: [UInt8]) throws(StorageError) {
    let decoder = JSONDecoder()
    let version = try? decoder.decode(Version.self, from: Data(json)).version
    if let version, version > Self.version { throw .newerSlots }
    if let version, version < Self.version { throw .olderSlots }
    guard let content = try? decoder.decode(Content.self, from: Data(json)), content.version == Self.version,
      (1...Self.limit).contains(content.slots.count), content.seal.count == SHA256.byteCount,
      Set(content.slots.map(\.id)).count == content.slots.count
    else { throw .malformedSlots }
    host = content.host
    slots = content.slots
    seal = [UInt8](content.seal)
    guard self.json == json else { throw .malformedSlots }
  }

  /// The file's bytes: JSON on one line, its keys in order.
  var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let content = Content(version: Self.version, host: host, slots: slots, seal: Data(seal))
    guard let encoded = try? encoder.encode(content) else {
      preconditionFailure("numbers and texts are JSON")
    }
    return [UInt8](encoded) + [UInt8(ascii: "\n")]
  }
}
