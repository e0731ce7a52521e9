/// What can go wrong in `Host`, each with what a person can do about it.
public enum HostError: Error, Hashable, CustomStringConvertible {
  /// No host was made in this folder.
  case notInitialised
  /// Another process listens on the TCP address.
  case addressInUse(String)
  /// The TCP address cannot be listened on.
  case addressUnusable(String, reason: String)
  /// A service of this host listens on the control socket.
  case alreadyRunning(socket: String)
  /// The control socket's folder can be entered by others.
  case folderNotPrivate(String)
  /// The control socket's path does not fit into a socket address.
  case socketPathTooLong(String)
  /// The control socket cannot be made.
  case socketUnusable(String, reason: String)

  public var description: String {
    switch self {
    case .notInitialised: "There is no identity here yet; run 'osaurus-host init'."
    case .addressInUse(let address):
      "Another program listens on \(address); stop it, or choose another port with '--port'."
    case .addressUnusable(let address, let reason):
      """
      Cannot listen on \(address) (\(reason)); choose an address of this machine with '--bind' and a port with \
      '--port'.
      """
    case .alreadyRunning(let socket):
      "The service is running already (it holds \(socket)); see 'osaurus-host status'."
    case .folderNotPrivate(let folder):
      "The folder \(folder) is open to other users; run 'chmod 700 \(folder)' as its owner."
    case .socketPathTooLong(let path):
      "The control socket's path is too long (\(path)); set OSAURUS_HOME or XDG_RUNTIME_DIR to a shorter one."
    case .socketUnusable(let path, let reason):
      "Cannot make the control socket \(path) (\(reason)); move aside what is there, or check the folder."
    }
  }
}
