import Foundation
import Hummingbird
import Identity
import Inference

/// `/` and `/health`: that a host is here and, for those who may know, how it does. (spec/02, C8 and C12)
struct InformationRoutes: RouteGroup {
  let models: ModelCatalogue
  let admission: Admission
  var now: @Sendable () -> Date = { Date() }

  func register(on routes: inout Routes) {
    routes.on(.get, "/", .greeting) { _, _ in .text("Osaurus Server is running! 🦕") }
    routes.on(.get, "/health", .publicInformation, use: health)
  }

  private func health(_ request: Request, _ context: HostContext) async throws -> Response {
    var health = Health(timestamp: now())
    if context.caller.mayKnowDetails {
      let names = await models.models().map(\.id)
      health.loaded = names
      health.currentModel = try? await models.resolve(nil).model
      health.inflight = admission.count
      health.inferenceLimit = admission.limit
      // There is no memory yet.
      health.memoryEnabled = false
      health.memoryDatabaseOpen = false
    }
    return try .json(health)
  }

  private struct Health: Encodable {
    var status = "healthy"
    let timestamp: Date
    var loaded: [String]?
    var currentModel: String?
    var inflight: Int?
    var inferenceLimit: Int?
    var memoryEnabled: Bool?
    var memoryDatabaseOpen: Bool?

    init(timestamp: Date) { self.timestamp = timestamp }

    enum CodingKeys: String, CodingKey {
      case status, timestamp, loaded
      case currentModel = "current_model"
      case inflight = "http_inflight"
      case inferenceLimit = "http_inference_limit"
      case memoryEnabled = "memory_enabled"
      case memoryDatabaseOpen = "memory_database_open"
    }
  }
}

extension Caller {
  /// Whether this is the owner, or somebody whom the owner gave a key to the whole host.
  fileprivate var mayKnowDetails: Bool {
    switch principal {
    case .owner: true
    case .accessKey(let key): key.scope == .master
    case .execution, .anonymous: false
    }
  }
}
