import Foundation
import Hummingbird
import Identity
import Stores

/// The owner's orders about the identity as a whole.
struct ControlIdentityRoutes: RouteGroup {
  let services: HostServices

  func register(on routes: inout Routes) {
    routes.on(.post, "/control/identity/repair", .administration, use: repair)
    routes.on(.post, "/control/identity/shut-keys", .administration, use: shutKeys)
  }

  private struct RepairOrder: Decodable {
    /// Whether to tell alone what would be done.
    var dryRun: Bool?
  }

  private func repair(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(RepairOrder.self) else { throw ControlFailure.malformed }
      let isTrial = order.dryRun ?? false
      let repaired = try await services.repairIdentity(isTrial: isTrial)
      return try .json(ControlRepair(repaired, isTrial: isTrial))
    }
  }

  private func shutKeys(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let (floor, keys) = try await services.shutOldKeys()
      return try .json(Shut(floor: floor, revokedKeys: keys))
    }
  }

  private struct Shut: Encodable {
    let floor: Int64
    let revokedKeys: Int
  }
}

/// What a repair did as its owner sees it.
struct ControlRepair: Codable, Hashable, Sendable {
  struct Agent: Codable, Hashable, Sendable {
    let id: UUID
    let name: String
    let index: UInt32
    let address: Address
    let oldIndex: UInt32
    let oldAddress: Address
  }

  let dryRun: Bool
  let agents: [Agent]
  let revokedKeys: Int

  init(_ repaired: IdentityStore.Repaired, isTrial: Bool) {
    dryRun = isTrial
    agents = repaired.agents.map {
      Agent(
        id: $0.before.id, name: $0.before.name, index: $0.index.rawValue, address: $0.address,
        oldIndex: $0.before.index.rawValue, oldAddress: $0.before.address)
    }
    revokedKeys = repaired.keys
  }
}
