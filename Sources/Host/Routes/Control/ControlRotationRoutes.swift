import Hummingbird

/// The owner's orders about the data key of a host that runs.
struct ControlRotationRoutes: RouteGroup {
  let rotation: ServiceRotation

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/storage/rotation", .administration, use: status)
    routes.on(.post, "/control/storage/rotation", .administration, use: start)
    routes.on(.delete, "/control/storage/rotation", .administration, use: cancel)
  }

  private func status(_ request: Request, _ context: HostContext) async throws -> Response {
    try .json(rotation.status)
  }

  private func start(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      try rotation.start()
      return try .json(rotation.status)
    }
  }

  /// Answers once it has ended, one way or the other.
  private func cancel(_ request: Request, _ context: HostContext) async throws -> Response {
    await rotation.cancel()
    return try .json(rotation.status)
  }
}
