import Foundation
import Hummingbird

/// The owner's orders about what is stored.
struct ControlStorageRoutes: RouteGroup {
  let maintenance: Maintenance
  let databases: HostDatabases

  func register(on routes: inout Routes) {
    routes.on(.post, "/control/storage/maintain", .administration, use: maintain)
    routes.on(.post, "/control/storage/rebuild", .administration, use: rebuild)
  }

  private struct Order: Decodable {
    /// Everything, whether it is due or not.
    var now: Bool?
  }

  private struct Indexes: Codable {
    /// The full-text indexes to make anew.
    let indexes: [String]
  }

  private func rebuild(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Indexes.self) else { throw ControlFailure.malformed }
      return try .json(Indexes(indexes: try await databases.rebuild(Set(order.indexes))))
    }
  }

  private func maintain(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      return try .json(await maintenance.tend(now: Date(), all: order.now ?? false))
    }
  }
}
