import Discovery
import Foundation
import Hummingbird
import Identity
import Inference
import Keyring
import Storage
import Stores

/// What the owner asks about the host as a whole.
struct ControlStatusRoutes: RouteGroup {
  let services: HostServices

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/status", .administration, use: status)
    routes.on(.get, "/control/identity", .administration, use: identity)
    routes.on(.get, "/control/models", .administration, use: models)
  }

  private func status(_ request: Request, _ context: HostContext) async throws -> Response {
    let listening = services.listening.value
    let offered = await services.models.known()
    return try .json(
      Status(
        ready: listening != nil, version: HostServices.version,
        pid: ProcessInfo.processInfo.processIdentifier, url: listening?.url,
        socket: listening?.controlSocket, exposed: services.settings.isExposed,
        discovery: .init(await services.announcements.state),
        relay: try? await ControlRelay.of(services.relay, services.tunnel),
        identity: .init(
          address: services.master.address,
          wordsConfirmed: !WordsAcknowledgement(folders: services.folders).isMissing,
          health: try? await services.health().summary),
        agents: services.access.agentCount,
        keys: try await services.keys.list().count { $0.revokedAt == nil },
        model: .init(current: offered?.current, available: offered?.models.count),
        keystore: services.settings.keyStore,
        keySlots: try? HostKeySlots(folders: services.folders, settings: services.settings).listed()
          .map(\.kind.name),
        degraded: services.degraded, rotation: services.rotation.isRunning ? services.rotation.status : nil,
        inflight: services.admission.count,
        startedAt: services.startedAt))
  }

  private func identity(_ request: Request, _ context: HostContext) async throws -> Response {
    try .json(
      Identity(
        address: services.master.address, hostID: services.settings.hostID,
        keystore: services.settings.keyStore))
  }

  private func models(_ request: Request, _ context: HostContext) async throws -> Response {
    await services.models.refresh()
    let models = await services.models.models()
    let current = try? await services.models.resolve(nil).model
    return try .json(Models(models: models, current: current))
  }

  private struct Status: Encodable {
    struct Identity: Encodable {
      let address: Address
      /// Whether the owner has shown to have the 24 words.
      let wordsConfirmed: Bool
      /// How it is, in a line; nil where that cannot be read.
      let health: String?
    }
    struct Model: Encodable {
      let current: String?
      /// How many are on offer; nil while nobody has asked yet.
      let available: Int?
    }
    struct Discovery: Encodable {
      /// `off`, `waiting` or `announcing`.
      let state: String
      /// The names under which agents are on the network.
      var services: [String] = []
      /// Why none are.
      var problem: String?

      init(_ state: Advertiser.State) {
        switch state {
        case .off: self.state = "off"
        case .waiting(let error): (self.state, problem) = ("waiting", error.description)
        case .announcing(let names): (self.state, services) = ("announcing", names)
        }
      }
    }
    let ready: Bool
    let version: String
    let pid: Int32
    let url: String?
    let socket: String?
    let exposed: Bool
    let discovery: Discovery
    /// The way through a relay; nil where that cannot be read.
    let relay: ControlRelay?
    let identity: Identity
    let agents: Int
    let keys: Int
    let model: Model
    let keystore: KeyStoreKind
    /// What opens the stored data besides the key store, `phrase` or `passphrase`; nil where that cannot be read.
    let keySlots: [String]?
    /// Databases that do not open.
    let degraded: [DegradedDatabase]
    /// The exchange of the data key, while it runs.
    let rotation: ServiceRotation.Status?
    let inflight: Int
    let startedAt: Date
  }

  private struct Identity: Encodable {
    let address: Address
    let hostID: UUID
    let keystore: KeyStoreKind
  }

  private struct Models: Encodable {
    let models: [ModelDescription]
    let current: String?
  }
}
