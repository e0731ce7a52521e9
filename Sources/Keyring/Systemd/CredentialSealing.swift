import Foundation
import SecretMemory

extension SealedKeyStore {
  /// Keys that rest in a file under 32 bytes that systemd keeps for this machine: handed to the service in
  /// `$CREDENTIALS_DIRECTORY`, or decrypted from their file by `systemd-creds`.
  ///
  /// A service cannot write credentials. It never has to: the credential is made once, and what changes is the file.
  public static func credential(
    folders: HostFolders, binding: SystemdCredentials.Binding = .auto
  ) -> SealedKeyStore {
    SealedKeyStore(
      kind: .systemdCredential, file: folders.credentialKeyFile,
      source: CredentialSealing(file: folders.credentialFile(.keys), binding: binding))
  }
}

/// Takes the keys of sealed files from a systemd credential.
private struct CredentialSealing: SealingKeySource {
  private static let name = CredentialName.keys.rawValue
  private static let keySize = 32

  let file: URL
  let binding: SystemdCredentials.Binding

  let attempts = 1

  func key(for lock: SealedKeyFile.Lock, path: String) throws(KeyringError) -> SealingKey {
    guard case .credential(Self.name) = lock else { throw .malformed(path: path) }
    if let secret = try CredentialsDirectory.read(Self.name) { return try sized(secret) }
    guard let text = try PrivateFile.read(file, limit: SystemdCredentials.limit) else {
      throw .credentialFileMissing(path: file.path)
    }
    return try sized(SystemdCredentials().decrypt(text, name: Self.name))
  }

  /// Makes a credential that nothing is sealed under yet, in the place of whatever is there.
  func make() throws(KeyringError) -> (SealedKeyFile.Lock, SealingKey) {
    let secret = SecretBytes.random(count: Self.keySize)
    let credentials = try SystemdCredentials()
    let text = try credentials.encrypt(secret, name: Self.name, with: binding)
    guard try credentials.decrypt(text, name: Self.name).isEqual(to: secret) else {
      throw .credentialRefused("it gave back something else than what was sealed")
    }
    try PrivateFile.replace(file, with: text)
    return (.credential(name: Self.name), SealingKey(secret))
  }

  func discard(_ lock: SealedKeyFile.Lock) throws(KeyringError) { try PrivateFile.remove(file) }

  private func sized(_ secret: consuming SecretBytes) throws(KeyringError) -> SealingKey {
    guard secret.count == Self.keySize else {
      throw .credentialRefused("the credential \(Self.name) has not the size of a key")
    }
    return SealingKey(secret)
  }
}
