public import Foundation

/// Where a host keeps what it has. `OSAURUS_HOME` puts everything below one folder; otherwise the XDG base directories
/// say. (XDG Base Directory Specification 0.8)
public struct HostFolders: Hashable, Sendable {
  /// The longest path of a Unix socket, in bytes, without its terminating zero.
  static let socketPathLimit = 107

  /// Databases and what belongs to them.
  public let data: URL
  /// Settings and, with that choice, the key file.
  public let configuration: URL
  /// Logs and maintenance state.
  public let state: URL
  /// Sockets. Gone after a log-out.
  public let runtime: URL

  /// The host's settings.
  public var settingsFile: URL { configuration.appending(path: "host.json") }
  /// The keys, where they rest in a file.
  public var keyFile: URL { configuration.appending(path: "keys.json") }
  /// The keys, where they rest in a file under a passphrase.
  public var passphraseKeyFile: URL { configuration.appending(path: "keys-passphrase.json") }
  /// The keys, where they rest in a file under a systemd credential.
  public var credentialKeyFile: URL { configuration.appending(path: "keys-credential.json") }
  /// A systemd credential in its encrypted form, by its name.
  public func credentialFile(_ name: CredentialName) -> URL {
    configuration.appending(path: "\(name.rawValue).cred")
  }
  /// The hosts that this machine connects to.
  public var peersFile: URL { configuration.appending(path: "peers.json") }
  /// The sockets by which sandboxes reach the host, each for those of one agent.
  public var bridgeSockets: URL { runtime.appending(path: "bridge") }
  /// The homes of agents, as their commands see them.
  public var sandboxes: URL { data.appending(path: "sandbox") }
  /// The owner's way in.
  public var controlSocket: URL { runtime.appending(path: "control.sock") }
  /// Held by whoever makes a host, from the first look to the last step.
  public var initialisationLock: URL { configuration.appending(path: "init.lock") }
  /// Held by the one service that runs on this data, for as long as it runs, wherever its sockets are.
  public var serviceLock: URL { data.appending(path: "service.lock") }
  /// Held by whoever makes or migrates a database.
  public var databaseLock: URL { data.appending(path: "databases.lock") }
  /// Shared by whoever has databases open; whoever exchanges them has it alone.
  public var dataUseLock: URL { data.appending(path: "use.lock") }
  /// The same host with its data under another data key: a data folder of its own inside the first, in which everything that
  /// is under the key has the name that it has there.
  public var nextGeneration: HostFolders {
    HostFolders(
      data: data.appending(path: "next"), configuration: configuration, state: state, runtime: runtime)
  }
  /// The managed model runtime and its model.
  public var modelRuntime: URL { data.appending(path: "runtime") }

  /// Folders below one, as `OSAURUS_HOME` asks for.
  public init(home: URL) {
    data = home.appending(path: "data")
    configuration = home.appending(path: "config")
    state = home.appending(path: "state")
    runtime = home.appending(path: "run")
  }

  private init(data: URL, configuration: URL, state: URL, runtime: URL) {
    self.data = data
    self.configuration = configuration
    self.state = state
    self.runtime = runtime
  }

  /// The folders that an environment asks for. Without `XDG_RUNTIME_DIR`, sockets live below the state folder.
  /// - Throws: ``KeyringError/noHome`` or ``KeyringError/socketPathTooLong(_:)``.
  public static func resolve(environment: [String: String]) throws(KeyringError) -> HostFolders {
    let folders: HostFolders
    if let home = environment["OSAURUS_HOME"], !home.isEmpty {
      folders = HostFolders(home: URL(filePath: home).absoluteURL.standardizedFileURL)
    } else {
      // Relative values are to be ignored, says the specification.
      func base(_ variable: String, _ fallback: String) throws(KeyringError) -> URL {
        if let value = environment[variable], value.hasPrefix("/") { return URL(filePath: value) }
        guard let home = environment["HOME"], home.hasPrefix("/") else { throw .noHome }
        return URL(filePath: home).appending(path: fallback)
      }
      let state = try base("XDG_STATE_HOME", ".local/state").appending(path: "osaurus")
      let runtime =
        if let value = environment["XDG_RUNTIME_DIR"], value.hasPrefix("/") {
          URL(filePath: value).appending(path: "osaurus")
        } else {
          state.appending(path: "run")
        }
      folders = HostFolders(
        data: try base("XDG_DATA_HOME", ".local/share").appending(path: "osaurus"),
        configuration: try base("XDG_CONFIG_HOME", ".config").appending(path: "osaurus"),
        state: state, runtime: runtime)
    }
    let socket = folders.controlSocket.path
    guard socket.utf8.count <= socketPathLimit else { throw .socketPathTooLong(socket) }
    return folders
  }

  /// Makes every folder, 0700, or accepts the ones that are there if nobody else may enter them.
  /// - Throws: ``KeyringError/unsafePermissions(path:mend:)`` or ``KeyringError/file(path:reason:)``.
  public func create() throws(KeyringError) {
    for folder in [data, configuration, state, runtime] { try PrivateFile.makeFolder(folder) }
  }
}
