/// The credentials that a host asks systemd for.
public enum CredentialName: String, CaseIterable, Sendable {
  /// The passphrase of a key store, for a start without anybody to ask.
  case passphrase = "osaurus-passphrase"
  /// What a key store under a systemd credential is sealed with.
  case keys = "osaurus-keys"
}
