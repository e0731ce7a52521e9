import Agents
import AsyncHTTPClient
public import Foundation
public import Identity
import Inference
public import Keyring
public import Logging
import Sandbox
import Storage
public import Stores
import Synchronization

/// The composition root: everything that a host consists of, opened in the order in which it depends on each
/// other and let go of in the opposite one.
public final class HostServices: Sendable {
  public static let version = "0.1.0"

  public let folders: HostFolders
  public let settings: HostSettings
  /// When this was opened.
  public let startedAt: Date
  let master: MasterKey
  let agents: AgentStore
  let keys: AccessKeyStore
  let invites: InviteStore
  let peers: PeerStore
  /// Where connectors wait for the owner's word.
  let pairing = PairingDesk()
  /// How much agents' commands may do without the owner's word, and where they wait for it.
  let permissionModes: PermissionModeStore
  let permissions: PermissionDesk
  let requestTokens: RequestTokenStore
  let trusted: TrustedIssuerStore
  let identity: IdentityStore
  /// What was run in a sandbox, and what was refused.
  public let audit: AuditLog
  /// Whose the database was when it was opened.
  let identityAtOpen = Mutex<Address?>(nil)
  let chats: ChatStore
  let models: ModelCatalogue
  let runner: AgentRunner
  let memory: AgentMemory
  let methods: MethodStore
  let tools: ToolCatalogue
  /// Where agents have their commands run.
  let sandboxes: AgentSandboxes
  /// What code in sandboxes gave its agents to do.
  let sandboxTasks: SandboxTasks
  let access: HostAccess
  let admission: Admission
  let maintenance: Maintenance
  let listening = ListeningAddress()
  let announcements: HostAnnouncements
  let relay: RelayStore
  let tunnel: HostTunnel
  let logger: Logger
  let databases: HostDatabases
  /// The exchange of the data key.
  let rotation: ServiceRotation
  private let use: DataUse
  private let runtime: ManagedRuntime
  private let client: HTTPClient

  /// The address of the whole host.
  public var address: Address { master.address }

  /// Opens the host in `folders`.
  ///
  /// - Throws: ``HostError`` where there is no host or its settings are not readable, `KeyringError` where the keys
  ///   cannot be had, `StorageError` where they do not open the databases. Nothing is changed then. An exchange of the
  ///   data key and a change of identity that were interrupted are done first.
  public static func open(
    folders: HostFolders, settings: HostSettings, logger: Logger = Logger(label: "osaurus-host")
  ) async throws -> HostServices {
    let use = try await DataUse.begin(folders)
    try await IdentityChange(folders: folders).finish()
    let (master, dataKey) = try HostKeyStore.keys(of: settings, folders: folders)
    let databases = try HostDatabases.open(in: folders, key: dataKey)
    let client = HTTPClient.forModels()
    do {
      let services = try HostServices(
        folders: folders, settings: settings, master: master, databases: databases, use: use, client: client,
        logger: logger)
      for database in databases.degraded {
        logger.error("running without \(database.name) (\(database.fault.rawValue)): \(database.reason)")
      }
      try await services.identity.settle(for: master.address)
      let settled = try await services.identity.master()
      services.identityAtOpen.withLock { $0 = settled }
      try await services.access.refresh()
      try await services.finishForgetting()
      do {
        try await services.audit.store.settle()
      } catch {
        logger.warning("the audit does not know of the new identity yet", metadata: ["error": "\(error)"])
      }
      return services
    } catch {
      try? await client.shutdown()
      throw error
    }
  }

  private init(
    folders: HostFolders, settings: HostSettings, master: MasterKey, databases: HostDatabases, use: DataUse,
    client: HTTPClient, logger: Logger
  ) throws {
    self.folders = folders
    self.settings = settings
    self.master = master
    self.databases = databases
    self.use = use
    self.client = client
    self.logger = logger
    rotation = ServiceRotation(folders: folders, databases: databases, use: use, logger: logger)
    startedAt = Date()
    admission = Admission(limit: settings.maxAnswers)
    agents = AgentStore(databases.host)
    keys = AccessKeyStore(databases.host)
    invites = InviteStore(databases.host)
    peers = PeerStore(databases.host)
    let modes = PermissionModeStore(databases.host)
    permissionModes = modes
    requestTokens = RequestTokenStore(databases.host)
    trusted = TrustedIssuerStore(databases.host)
    identity = IdentityStore(databases.host)
    audit = AuditLog(
      AuditStore(
        databases.host, host: settings.hostID, identity: master.address, key: master.signingKey)
    ) { logger.error("a record of the audit could not be written", metadata: ["error": "\($0)"]) }
    permissions = PermissionDesk(
      judgingIn: folders.data.appending(path: "sandbox"),
      modes: { try await modes.permissionMode(of: $0) },
      record: { [audit] in if let event = AuditEvent.permissions($0) { try await audit.append(event) } })
    var runtimeSettings = ManagedRuntime.Settings()
    runtimeSettings.idleLimit = settings.modelIdleStop
    runtime = ManagedRuntime(
      folder: folders.modelRuntime, client: client,
      settings: runtimeSettings)
    models = try ModelCatalogue(settings: settings, folders: folders, managed: runtime, client: client)
    chats = ChatStore(databases.chatHistory, blobs: databases.blobs)
    runner = AgentRunner(chats: chats, models: models)
    memory = AgentMemory(
      store: MemoryStore(databases.memory), models: models,
      embeddingModel: settings.embeddingModel)
    methods = MethodStore(databases.methods)
    tools = ToolCatalogue(
      store: ToolStore(databases.toolIndex), models: models,
      embeddingModel: settings.embeddingModel)
    sandboxes = AgentSandboxes(
      folders: folders, secrets: AgentSecretStore(databases.host),
      config: SandboxConfigStore(databases.host), settings: SandboxSettingsStore(databases.host),
      desk: permissions, audit: audit, logger: logger)
    sandboxTasks = SandboxTasks(runner: runner, logger: logger)
    access = HostAccess(master: master, agents: agents, keys: keys)
    announcements = HostAnnouncements(isExposed: settings.isExposed, logger: logger)
    relay = RelayStore(databases.host)
    tunnel = HostTunnel(store: relay, logger: logger) { [access] in access.signingKey(forRelay: $0) }
    maintenance = Maintenance(folders: folders, databases: databases, chats: chats, logger: logger) {
      [admission, rotation] in admission.count > 0 || rotation.isRunning
    }
  }

  /// Stops what runs. Call it once, when nothing uses these services any more.
  public func shutdown() async {
    await rotation.cancel()
    await sandboxes.close()
    await sandboxTasks.close()
    await runtime.shutdown()
    await runner.settle()
    await access.uses.flush(to: keys, logger: logger)
    await audit.close()
    try? await client.shutdown()
    await databases.cabinet.closeAll()
    databases.close()
    use.end()
  }

  /// The databases that do not open.
  public var degraded: [DegradedDatabase] { databases.degraded }
}
