/// Why a key could not be kept or read, each with what a person can do about it. A key that cannot be read is never a
/// reason to make a new one.
public enum KeyringError: Error, Hashable, Sendable {
  /// No session bus, or nothing on it keeps secrets.
  case unavailable(String)
  /// The keyring is locked, or a person did not let it answer. It is never unlocked from here.
  case locked
  /// The keyring has no default collection.
  case noCollection
  /// The keyring did not answer in time.
  case timedOut
  /// The keyring refused for another reason, in its own words.
  case refused(String)
  /// A folder or file belongs to somebody else, or lets others in.
  case unsafePermissions(path: String, mend: String)
  /// A file could not be read or written.
  case file(path: String, reason: String)
  /// The disk takes nothing more.
  case disk(path: String, DiskRefusal)
  /// A file is not what this program wrote.
  case malformed(path: String)
  /// A path is too long for a Unix socket.
  case socketPathTooLong(String)
  /// The environment names no place to keep things in.
  case noHome
  /// A file was written by a newer version of this program.
  case newerFile(path: String)

  /// The keyring wanted a confirmation, and a person did not give it.
  case dismissed
  /// The keyring ended while it was asked.
  case ended

  /// A sealed file does not open: the passphrase or the credential is another one, or the file was changed.
  case notOpened(path: String, kind: KeyStoreKind)
  /// A passphrase is not text in UTF-8.
  case passphraseNotText
  /// A passphrase is too short for something that a thief may try at leisure.
  case shortPassphrase(minimum: Int)
  /// Of two passphrases that were to be the same, one is another.
  case passphrasesDiffer
  /// A passphrase is needed, and there is neither a credential nor a terminal nor a systemd to ask through.
  case nobodyToAsk
  /// Nobody gave the passphrase.
  case notAnswered
  /// This user may not put questions through `systemd-ask-password`.
  case askingNotPermitted
  /// The machine has not the memory that turning a passphrase into a key takes.
  case notEnoughMemory(mebibytes: Int)

  /// A store that keys are to be moved to holds another one under the same name.
  case occupied(item: String, kind: KeyStoreKind)
  /// A store does not give back what was put there.
  case forgets(item: String, kind: KeyStoreKind)

  /// `systemd-creds` is not installed.
  case credentialsMissing
  /// `systemd-creds` does not serve this user.
  case credentialsNeedRoot
  /// The file with the encrypted credential is not there.
  case credentialFileMissing(path: String)
  /// A credential is encrypted under nothing: every machine can open it.
  case credentialUnsealed
  /// `systemd-creds` refused, in its own words.
  case credentialRefused(String)
  /// A program of the system did not end in time.
  case programTimedOut(String)
  /// A program of the system could not be run, or failed.
  case programFailed(String, reason: String)
}

extension KeyringError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unavailable(let reason):
      "No keyring answers on the session bus (\(reason)). Log in to a desktop session, or start over with --keystore file."
    case .locked: "The keyring is locked. Unlock it (logging in to the desktop does), then try again."
    case .noCollection:
      "The keyring has no default collection. Make one in the desktop's password application, then try again."
    case .timedOut: "The keyring did not answer in time. Restart it (or log in again), then try again."
    case .refused(let reason): "The keyring refused: \(reason)."
    case .unsafePermissions(let path, let mend): "Others may get into \(path). Mend it with: \(mend)"
    case .file(let path, let reason): "\(path): \(reason)."
    case .disk(let path, let refusal): "\(path): \(refusal.description)"
    case .malformed(let path):
      "\(path) is not what osaurus-host wrote. It was left as it is; move it away or restore it from a backup."
    case .socketPathTooLong(let path):
      "\(path) is too long for a socket (107 bytes at most). Choose a shorter OSAURUS_HOME."
    case .noHome: "Neither OSAURUS_HOME nor HOME says where to keep things."
    case .newerFile(let path):
      "\(path) was written by a newer version of osaurus-host. Update this one; nothing was changed."
    case .dismissed: "The keyring asked for a confirmation and did not get it. Try again, and allow it."
    case .ended: "The keyring ended while it was asked. Log in again, or restart it, then try again."
    case .notOpened(let path, .passphrase):
      "This passphrase does not open \(path): it is another one, or the file was changed. Try again, it counts to the letter."
    case .notOpened(let path, _):
      "\(path) does not open: the credential is another one, or the file was changed. Bring the two back from one backup."
    case .passphraseNotText: "A passphrase is text in UTF-8, and this is none."
    case .shortPassphrase(let minimum):
      "The passphrase has fewer than \(minimum) characters; five random words make a good one."
    case .passphrasesDiffer: "The two passphrases differ; nothing was changed."
    case .nobodyToAsk:
      "The key store needs its passphrase, and there is no terminal to ask on. Run this on a terminal, or give the service the systemd credential osaurus-passphrase."
    case .notAnswered:
      "Nobody gave the passphrase of the key store. Start again, and answer when it is asked for."
    case .askingNotPermitted:
      "The key store needs its passphrase, there is no terminal, and this user may not ask through systemd-ask-password. Run this on a terminal, or give the service the systemd credential osaurus-passphrase."
    case .notEnoughMemory(let mebibytes):
      "Turning the passphrase into a key takes \(mebibytes) MiB of memory, which the system did not give; end other programs and try again."
    case .occupied(let item, let kind):
      "The key store '\(kind.rawValue)' holds another '\(item)' already, and nobody knows whose it is. Move its file away first; nothing was changed."
    case .forgets(let item, let kind):
      "The key store '\(kind.rawValue)' does not have the same '\(item)' as the other one. No key was removed; run 'osaurus-host keystore show'."
    case .credentialsMissing:
      "systemd-creds is not installed, which seals systemd credentials. Install systemd 250 or newer, or choose another key store."
    case .credentialsNeedRoot:
      "systemd-creds of this machine serves root alone (before systemd 256 it always does). Run this as root, or through a system service that is given the credential."
    case .credentialFileMissing(let path):
      "The systemd credential \(path) is not there, and the service was not given it. Bring it back from a backup, or the keys from the 24 words."
    case .credentialUnsealed:
      "The systemd credential is encrypted under an empty key, which protects nothing. It was not used; make another one."
    case .credentialRefused(let reason):
      "The systemd credential cannot be used: \(reason.hasSuffix(".") ? String(reason.dropLast()) : reason). It opens only on the machine that made it, as long as that keeps its key or its TPM."
    case .programTimedOut(let name): "\(name) did not answer in time. Try again."
    case .programFailed(let name, let reason): "\(name) failed: \(reason)."
    }
  }
}
