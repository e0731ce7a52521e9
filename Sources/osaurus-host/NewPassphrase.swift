import Keyring

/// A passphrase that somebody makes up.
enum NewPassphrase {
  /// Asks for it twice, not shown; from a pipe, two lines.
  static func ask() throws -> Passphrase {
    let first = try Passphrase(typed: Terminal.readSecret(prompt: "Passphrase: "))
    try first.checkLength()
    let second = try Passphrase(typed: Terminal.readSecret(prompt: "The same once more: "))
    guard first.isEqual(to: second) else {
      throw CommandFailure(.failed, "not_the_same", "The two passphrases differ; nothing was changed.")
    }
    return first
  }

  /// The passphrase for a key store that is about to be made, asked for before anything is; where the store needs none,
  /// nobody is asked.
  ///
  /// The systemd credential for it goes first, then the terminal, where it is asked for twice, then one line from
  /// standard input.
  static func source(for keyStore: KeyStoreKind?, in folders: HostFolders) throws -> any PassphraseSource {
    let system = SystemPassphraseSource()
    guard keyStore == .passphrase else { return system }
    if let given = try system.credential() { return GivenPassphrase(given) }
    let isThere = try PrivateFile.isThere(folders.passphraseKeyFile)
    if Terminal.inputIsTerminal {
      return isThere ? system : GivenPassphrase(try ask())
    }
    return GivenPassphrase(try Passphrase(typed: Terminal.readSecret(prompt: "")))
  }
}
