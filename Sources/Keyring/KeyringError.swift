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
  /// A file is not what this program wrote.
  case malformed(path: String)
  /// A path is too long for a Unix socket.
  case socketPathTooLong(String)
  /// The environment names no place to keep things in.
  case noHome
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
    case .malformed(let path):
      "\(path) is not what osaurus-host wrote. It was left as it is; move it away or restore it from a backup."
    case .socketPathTooLong(let path):
      "\(path) is too long for a socket (107 bytes at most). Choose a shorter OSAURUS_HOME."
    case .noHome: "Neither OSAURUS_HOME nor HOME says where to keep things."
    }
  }
}
