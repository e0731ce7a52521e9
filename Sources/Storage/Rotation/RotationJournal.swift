import Crypto
public import Foundation
import Identity
public import SecretMemory

/// Where the exchange of a host's data key stands. It rests in the key store beside both keys, and proves by a key that
/// derives from the new one that it belongs to it.
public struct RotationJournal: Hashable, Sendable {
  /// How far it has come.
  public enum State: String, Sendable {
    /// The old key's files are whole; those of the new one are being made.
    case begun
    /// The new key's files are whole and proven; they take the place of the old ones.
    case committed
  }

  public let host: UUID
  public let old: KeyGeneration
  public let new: KeyGeneration
  /// When it began, in whole seconds since 1970.
  public let begun: Int64
  public let state: State

  public init(host: UUID, old: KeyGeneration, new: KeyGeneration, begun: Int64, state: State) {
    self.host = host
    self.old = old
    self.new = new
    self.begun = begun
    self.state = state
  }

  /// The same, once it has come to its turning point.
  public var committed: RotationJournal {
    RotationJournal(host: host, old: old, new: new, begun: begun, state: .committed)
  }

  private var text: String {
    "osaurus-rotation-v1\n\(host.uuidString)\n\(old)\n\(new)\n\(begun)\n\(state.rawValue)\n"
  }

  /// Its bytes: what it says, a value a line, and HMAC-SHA256 of that in hexadecimal digits.
  public func encoded(under next: DataKey) -> SecretBytes {
    let tag = next.rotationKey.withUnsafeBytes { key in
      Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
    }
    let bytes = Array((text + Hex.string(tag) + "\n").utf8)
    return SecretBytes(count: bytes.count) { $0.copyBytes(from: bytes) }
  }

  /// Reads what ``encoded(under:)`` wrote for this host under this key; nil for anything else.
  public init?(_ bytes: borrowing SecretBytes, host: UUID, under next: DataKey) {
    let lines = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
      .split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count == 8, let old = Hex.decode(lines[2]).flatMap(KeyGeneration.init(rawValue:)),
      let new = Hex.decode(lines[3]).flatMap(KeyGeneration.init(rawValue:)), let begun = Int64(lines[4]),
      let state = State(rawValue: String(lines[5]))
    else { return nil }
    self.init(host: host, old: old, new: new, begun: begun, state: state)
    guard new == next.generation, encoded(under: next).isEqual(to: bytes) else { return nil }
  }
}
