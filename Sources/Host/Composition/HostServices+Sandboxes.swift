import Foundation
import Hummingbird

extension BridgeDoor {
  /// The way in for the sandboxes of a host's agents.
  init(services: HostServices) {
    var routes = Routes()
    let sandboxes = services.sandboxes
    routes.add(BridgeKeepingRoutes(secrets: sandboxes.secretStore, config: sandboxes.configStore))
    routes.add(
      BridgeWorkRoutes(
        agents: services.agents, models: services.models, memory: services.memory,
        admission: services.admission, tasks: services.sandboxTasks))
    routes.add(BridgeNoticeRoutes(logger: services.logger))
    routes.add(BridgeToolRoutes(sandboxes: sandboxes))
    routes.add(BridgePluginRoutes(sandboxes: sandboxes))
    self.init(
      routes: routes, policy: AccessPolicy(), passes: sandboxes.passes, logger: services.logger,
      address: { [access = services.access] in access.address(of: $0.uuidString) })
  }
}
