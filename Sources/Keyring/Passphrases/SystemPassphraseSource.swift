import Foundation
import SecretMemory

/// Asks where this process can: the systemd credential `osaurus-passphrase` where the service was given one, else a
/// person at the terminal that controls the process, else, where systemd runs, whoever answers `systemd-ask-password`.
public struct SystemPassphraseSource: PassphraseSource {
  private let environment: [String: String]

  public init() { self.init(environment: ProcessInfo.processInfo.environment) }

  init(environment: [String: String]) { self.environment = environment }

  /// Three for a person; what stands in a credential does not change.
  public var attempts: Int { hasCredential || ControllingTerminal() == nil ? 1 : 3 }

  private var hasCredential: Bool {
    do {
      return try credential() != nil
    } catch {
      return true
    }
  }

  public func passphrase(for path: String) throws(KeyringError) -> Passphrase {
    if let given = try credential() { return given }
    if let terminal = ControllingTerminal() {
      return try Passphrase(typed: terminal.readSecret(prompt: "Passphrase of \(path): "))
    }
    if let asker = AskPassword.ofThisSystem {
      return try Passphrase(typed: asker.ask("Passphrase of \(path)"))
    }
    throw .nobodyToAsk
  }

  public func newPassphrase() throws(KeyringError) -> Passphrase {
    if let given = try credential() {
      try given.checkLength()
      return given
    }
    guard let terminal = ControllingTerminal() else { throw .nobodyToAsk }
    let first = try Passphrase(
      typed: terminal.readSecret(prompt: "New passphrase (five random words are good): "))
    try first.checkLength()
    let second = try Passphrase(typed: terminal.readSecret(prompt: "The same once more: "))
    guard first.isEqual(to: second) else { throw .passphrasesDiffer }
    return first
  }

  /// The passphrase that systemd hands to the service, without the line end that a text has.
  public func credential() throws(KeyringError) -> Passphrase? {
    let name = CredentialName.passphrase.rawValue
    guard let secret = try CredentialsDirectory.read(name, environment: environment) else { return nil }
    return try secret.withUnsafeBytes { bytes throws(KeyringError) in
      let line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
      return try Passphrase(typed: SecretBytes(copying: UnsafeRawBufferPointer(rebasing: line)))
    }
  }
}
