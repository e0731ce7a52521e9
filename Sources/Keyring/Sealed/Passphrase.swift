import Foundation
public import SecretMemory

/// A passphrase in its one form: UTF-8 in NFKC, so that a letter is the same letter whichever keyboard typed it.
/// (Unicode Standard Annex 15)
public struct Passphrase: ~Copyable, Sendable {
  /// The fewest bytes of a passphrase that something new is sealed under.
  public static let minimum = 12

  let bytes: SecretBytes

  /// Takes what was typed. Text outside ASCII is in ordinary memory while it is brought into its form.
  /// - Throws: ``KeyringError/passphraseNotText`` for anything but UTF-8.
  public init(typed: consuming SecretBytes) throws(KeyringError) {
    if typed.withUnsafeBytes({ $0.allSatisfy { $0 < 0x80 } }) {
      bytes = typed
      return
    }
    let form = typed.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
    guard let form else { throw .passphraseNotText }
    var normalised = Array(form.precomposedStringWithCompatibilityMapping.utf8)
    bytes = SecretBytes(taking: &normalised)
  }

  private init(random count: Int) { bytes = .random(count: count) }

  /// Something to measure with.
  static var sample: Passphrase { Passphrase(random: 16) }

  /// Whether both are the same, in a time that does not depend on what they are.
  public borrowing func isEqual(to other: borrowing Passphrase) -> Bool { bytes.isEqual(to: other.bytes) }

  /// A second one with the same bytes.
  public borrowing func copy() -> Passphrase { Passphrase(normalised: bytes.copy()) }

  private init(normalised: consuming SecretBytes) { bytes = normalised }

  /// Refuses what is too short for something that a thief may try at leisure.
  /// - Throws: ``KeyringError/shortPassphrase(minimum:)``.
  public borrowing func checkLength() throws(KeyringError) {
    guard bytes.count >= Self.minimum else { throw .shortPassphrase(minimum: Self.minimum) }
  }
}
