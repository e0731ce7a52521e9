import Configuration
public import Foundation
public import Keyring
public import Logging

/// How this host is to behave: flags first, then the environment, then `host.json`, then what is said here.
public struct HostSettings: Hashable, Sendable {
  /// The port of the original.
  public static let defaultPort = 1337

  /// What tells this host's items in a keyring from those of another one.
  public var hostID: UUID
  /// Where the keys rest.
  public var keyStore: KeyStoreKind
  /// The TCP port; 0 for one that the system picks.
  public var port = HostSettings.defaultPort
  /// The address to listen on.
  public var bind = "127.0.0.1"
  /// Whether other machines may connect.
  public var isExposed = false
  /// The web pages whose scripts may ask; `*` for all.
  public var allowedOrigins: [String] = []
  /// Names under which this host is reached, besides its own and its addresses.
  public var allowedHosts: [String] = []
  /// Whether other machines may use models without a secure channel. Agents always need one.
  public var allowsPlaintextClients = false
  /// Whether a client that cannot open a sealed access key may get one in the clear, by pairing or for an invite.
  public var allowsUnsealedKeys = false
  /// Whether the owner is asked on the desktop, too, about devices that want to be let in.
  public var asksOnDesktop = true
  /// The base URL of an OpenAI-compatible server, with its `/v1`.
  public var modelURL: URL?
  /// The model that answers where none is named.
  public var model: String?
  /// The model that tells what texts mean; without one memory is searched by words alone.
  public var embeddingModel: String?
  /// A file that holds the server's key.
  public var modelKeyFile: URL?
  /// Whether to look for model servers on this machine.
  public var detectsLocalServers = true
  /// How many handshakes a source address may start in a minute.
  public var handshakesPerMinute = 5
  /// How many invites a source address may bring in a minute.
  public var redemptionsPerMinute = 5
  /// How many challenges a source address may ask for, and how often it may ask to be let in, in a minute.
  public var pairingsPerMinute = 5
  /// How many TCP connections there may be at a time, and how many of them from one network.
  public var maxConnections = 512
  public var maxConnectionsPerNetwork = 64
  /// How many answers may be made at once.
  public var maxAnswers = 12
  /// After how long without a question the managed model is stopped.
  public var modelIdleStop = Duration.seconds(600)
  /// How much is logged.
  public var logLevel = Logger.Level.info

  /// Keys of `host.json` that mean nothing here.
  public internal(set) var unknownKeys: [String] = []

  public init(hostID: UUID, keyStore: KeyStoreKind) {
    self.hostID = hostID
    self.keyStore = keyStore
  }

  /// What was said on the command line; nil for what was not.
  public struct Flags: Hashable, Sendable {
    public var port: Int?
    public var bind: String?
    public var expose: Bool?
    public var logLevel: String?

    public init(
      port: Int? = nil, bind: String? = nil, expose: Bool? = nil, logLevel: String? = nil
    ) {
      self.port = port
      self.bind = bind
      self.expose = expose
      self.logLevel = logLevel
    }
  }

  /// Puts flags, environment and `host.json` together.
  ///
  /// - Throws: ``HostError/notInitialised`` without a `host.json`, ``HostError/malformedSettings(path:reason:)``
  ///   for one that cannot be read, ``HostError/invalidSetting(name:reason:)`` for a value that makes no sense.
  public static func load(
    folders: HostFolders, flags: Flags = Flags(), environment: [String: String] = [:]
  ) throws -> HostSettings {
    guard let file = try HostSettingsFile.read(folders) else { throw HostError.notInitialised }
    guard file.isComplete else { throw HostError.unfinishedInitialisation }
    return try HostSettings(file: file, flags: flags, environment: environment)
  }

  init(file: HostSettingsFile, flags: Flags, environment: [String: String]) throws {
    let values = SettingValues(
      ConfigReader(providers: [
        InMemoryProvider(name: "flags", values: flags.values),
        EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "osaurus"),
        InMemoryProvider(name: "host.json", values: file.values),
      ]))
    self.init(hostID: file.hostID, keyStore: file.keystore)
    unknownKeys = file.unknownKeys
    port = try values.integer("port", in: 0...65535) ?? port
    isExposed = try values.boolean("expose") ?? isExposed
    bind = try values.address("bind") ?? (isExposed ? "0.0.0.0" : bind)
    // Listening on an address that others reach is exposing, however it was asked for.
    isExposed = isExposed || !Self.isLoopback(bind)
    allowedOrigins = values.list("allowedOrigins") ?? allowedOrigins
    allowedHosts = values.list("allowedHosts") ?? allowedHosts
    allowsPlaintextClients = try values.boolean("allowPlaintextClients") ?? allowsPlaintextClients
    allowsUnsealedKeys = try values.boolean("allowUnsealedKeys") ?? allowsUnsealedKeys
    asksOnDesktop = try values.boolean("askOnDesktop") ?? asksOnDesktop
    modelURL = try values.url("modelURL")
    model = values.text("model")
    embeddingModel = values.text("embeddingModel")
    modelKeyFile = values.text("modelKeyFile").map { URL(filePath: $0) }
    detectsLocalServers = try values.boolean("detectLocalServers") ?? detectsLocalServers
    handshakesPerMinute =
      try values.integer("handshakesPerMinute", in: 1...100_000_000) ?? handshakesPerMinute
    redemptionsPerMinute =
      try values.integer("redemptionsPerMinute", in: 1...100_000_000) ?? redemptionsPerMinute
    pairingsPerMinute = try values.integer("pairingsPerMinute", in: 1...100_000_000) ?? pairingsPerMinute
    maxConnections = try values.integer("maxConnections", in: 1...100_000) ?? maxConnections
    maxConnectionsPerNetwork =
      try values.integer("maxConnectionsPerNetwork", in: 1...100_000) ?? maxConnectionsPerNetwork
    maxAnswers = try values.integer("maxAnswers", in: 1...100_000) ?? maxAnswers
    if let seconds = try values.integer("modelIdleSeconds", in: 1...86_400 * 365) {
      modelIdleStop = .seconds(seconds)
    }
    logLevel = try values.level("logLevel") ?? logLevel
  }

  static func isLoopback(_ address: String) -> Bool {
    address.hasPrefix("127.") || address == "::1" || address == "localhost"
  }
}

extension HostSettings.Flags {
  fileprivate var values: [AbsoluteConfigKey: ConfigValue] {
    var values: [AbsoluteConfigKey: ConfigValue] = [:]
    values["port"] = port.map { ConfigValue(.string(String($0)), isSecret: false) }
    values["bind"] = bind.map { ConfigValue(.string($0), isSecret: false) }
    values["expose"] = expose.map { ConfigValue(.string(String($0)), isSecret: false) }
    values["logLevel"] = logLevel.map { ConfigValue(.string($0), isSecret: false) }
    return values
  }
}
