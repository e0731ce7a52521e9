public import SecretMemory

#if canImport(Glibc)
  import Glibc
#endif

/// Secrets that only this machine can decrypt: `systemd-creds` seals them under a key that the machine keeps for root
/// alone, in its TPM, or under both. (systemd-creds(1))
public struct SystemdCredentials: Sendable {
  /// What a secret is sealed under. There is none that is nothing.
  public enum Binding: String, CaseIterable, Sendable {
    /// What the machine offers: its key and, where there is one, its TPM.
    case auto
    /// The machine's key, a file that root alone can read.
    case host
    /// The machine's TPM.
    case tpm2
  }

  /// The most bytes of a sealed secret, as text.
  public static let limit = 16 * 1024
  /// The identifiers of the ways that seal nothing, as the first bytes of what was sealed
  /// (`CRED_AES256_GCM_BY_TPM2_ABSENT`, which newer versions call null).
  private static let unsealed: [[UInt8]] = [
    [0x05, 0x84, 0x69, 0xda, 0xf6, 0xf5, 0x43, 0x24, 0x80, 0x05, 0x49, 0xda, 0x0f, 0x8e, 0xa2, 0xfb]
  ]

  private let program: ChildProgram
  private let patience: Duration

  /// - Throws: ``KeyringError/credentialsMissing`` where `systemd-creds` is not installed.
  public init(patience: Duration = .seconds(60)) throws(KeyringError) {
    guard let program = ChildProgram("systemd-creds") else { throw .credentialsMissing }
    self.program = program
    self.patience = patience
  }

  /// Seals a secret under a name, which is part of what is sealed.
  /// - Returns: the text that `LoadCredentialEncrypted=` and ``decrypt(_:name:)`` take.
  /// - Throws: ``KeyringError``.
  public func encrypt(
    _ secret: borrowing SecretBytes, name: String, with binding: Binding
  ) throws(KeyringError) -> [UInt8] {
    let outcome = try program.run(
      ["encrypt", "--with-key=\(binding.rawValue)", "--name=\(name)", "-", "-"], input: secret,
      patience: patience)
    guard outcome.status == 0 else { throw refusal(outcome.words) }
    let text = outcome.output.withUnsafeBytes { Array($0) }
    try Self.check(text)
    return text
  }

  /// Opens what was sealed on this machine under this name.
  /// - Throws: ``KeyringError/credentialUnsealed`` for what opens on every machine, and other ``KeyringError``s.
  public func decrypt(_ text: [UInt8], name: String) throws(KeyringError) -> SecretBytes {
    try Self.check(text)
    let input = SecretBytes(count: text.count) { $0.copyBytes(from: text) }
    let outcome = try program.run(
      ["decrypt", "--name=\(name)", "-", "-"], input: input, patience: patience)
    guard outcome.status == 0 else { throw refusal(outcome.words) }
    return outcome.output.copy()
  }

  /// Whether secrets can be sealed and opened here.
  /// - Throws: the ``KeyringError`` that says why not.
  public func probe(_ binding: Binding = .auto) throws(KeyringError) {
    let secret = SecretBytes.random(count: 32)
    let text = try encrypt(secret, name: "osaurus-probe", with: binding)
    guard try decrypt(text, name: "osaurus-probe").isEqual(to: secret) else {
      throw .credentialRefused("it gave back something else than what was sealed")
    }
  }

  /// Refuses what is too long, is no sealed secret, or is sealed under nothing.
  private static func check(_ text: [UInt8]) throws(KeyringError) {
    // The first 24 characters hold the 16 bytes of the identifier, and there is no line end before.
    guard text.count <= limit, text.count >= 24,
      let start = SecretBase64.decode(Array(text[..<24])[...])
    else { throw .credentialRefused("it is no encrypted credential") }
    let id = start.withUnsafeBytes { Array($0.prefix(16)) }
    guard !unsealed.contains(id) else { throw .credentialUnsealed }
  }

  private func refusal(_ words: String) -> KeyringError {
    if words.contains("Permission denied") || words.contains("Operation not permitted"), geteuid() != 0 {
      return .credentialsNeedRoot
    }
    return .credentialRefused(words.isEmpty ? "systemd-creds failed" : words)
  }
}
