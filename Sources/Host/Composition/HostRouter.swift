import Foundation
import Identity

extension FrontDoor {
  /// The one way into a host: all its routes behind the rules of its settings. TCP, the control socket, secure
  /// channels and callers within the process all use it.
  ///
  /// - Parameter desk: where connectors wait; nil for that of the services.
  init(services: HostServices, desk: PairingDesk? = nil) {
    let settings = services.settings
    let access = services.access
    var limits = HostLimits()
    limits.handshakesPerMinute = settings.handshakesPerMinute
    limits.connections = settings.maxConnections
    limits.connectionsPerSource = settings.maxConnectionsPerNetwork
    let now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
    let policy = AccessPolicy(allowsPlaintextClients: settings.allowsPlaintextClients)
    self.init(
      routes: HostRouter.routes(of: services, policy: policy, desk: desk ?? services.pairing), policy: policy,
      authentication: Authentication(validator: access.validator, now: now, uses: access.uses),
      visitors: VisitorRules(
        bind: settings.bind, configuredNames: settings.allowedHosts, allowedOrigins: settings.allowedOrigins),
      limits: limits,
      secureDoor: SecureDoor(limits: limits, now: now) { try access.signingKey(of: $0, from: $1) },
      logger: services.logger,
      agentAddress: { access.address(of: $0) })
  }
}

/// Every route of a host, apart from the two of the secure channel, which the front door has of its own.
enum HostRouter {
  static func routes(of services: HostServices, policy: AccessPolicy, desk: PairingDesk) -> Routes {
    var routes = Routes()
    routes.add(InformationRoutes(models: services.models, admission: services.admission))
    routes.add(ModelRoutes(models: services.models))
    routes.add(ChatRoutes(models: services.models, admission: services.admission))
    routes.add(OllamaRoutes(models: services.models, admission: services.admission))
    routes.add(EmbeddingRoutes(models: services.models, admission: services.admission))
    routes.add(
      AgentRoutes(
        access: services.access, models: services.models,
        places: HostPlaces(
          settings: services.settings, listening: services.listening, tunnel: services.tunnel)))
    routes.add(
      AgentRunRoutes(access: services.access, runner: services.runner, admission: services.admission))
    routes.add(
      InviteRoutes(
        invites: services.invites, access: services.access,
        limiter: AttemptLimiter(limit: services.settings.redemptionsPerMinute),
        allowsUnsealedKeys: services.settings.allowsUnsealedKeys))
    let pairingsPerMinute = services.settings.pairingsPerMinute
    routes.add(
      PairingRoutes(
        access: services.access, peers: services.peers, desk: desk,
        challengeLimiter: AttemptLimiter(limit: pairingsPerMinute),
        requestLimiter: AttemptLimiter(limit: pairingsPerMinute),
        allowsUnsealedKeys: services.settings.allowsUnsealedKeys))
    let peers = ControlPeers(
      master: services.master.address, agents: services.agents, keys: services.keys, peers: services.peers,
      invites: services.invites)
    routes.add(ControlPairRoutes(desk: desk, peers: peers))
    routes.add(
      ControlPeerRoutes(
        peers: peers, keys: services.keys, access: services.access, logger: services.logger))
    routes.add(
      ControlPermissionRoutes(
        desk: services.permissions, agents: services.agents, modes: services.permissionModes,
        audit: services.audit))
    routes.add(MemoryRoutes(access: services.access, memory: services.memory, policy: policy))
    routes.add(ControlMemoryRoutes(agents: services.agents, memory: services.memory))
    routes.add(ControlToolRoutes(tools: services.tools))
    routes.add(ControlAuditRoutes(audit: services.audit, agents: services.agents))
    routes.add(ControlSandboxRoutes(agents: services.agents, sandboxes: services.sandboxes))
    routes.add(ControlSandboxToolRoutes(agents: services.agents, sandboxes: services.sandboxes))
    routes.add(ControlSandboxSettingsRoutes(agents: services.agents, sandboxes: services.sandboxes))
    routes.add(ControlPluginRoutes(agents: services.agents, sandboxes: services.sandboxes))
    routes.add(ControlStatusRoutes(services: services))
    routes.add(
      ControlRelayRoutes(
        agents: services.agents, relay: services.relay, tunnel: services.tunnel, access: services.access))
    routes.add(ControlStorageRoutes(maintenance: services.maintenance, databases: services.databases))
    routes.add(ControlRotationRoutes(rotation: services.rotation))
    routes.add(ControlIdentityRoutes(services: services))
    routes.add(
      ControlAgentRoutes(
        master: services.master, agents: services.agents, keys: services.keys, trusted: services.trusted,
        access: services.access))
    routes.add(ControlAgentDeletionRoutes(services: services))
    routes.add(
      ControlKeyRoutes(
        master: services.master, agents: services.agents, keys: services.keys, trusted: services.trusted,
        access: services.access, logger: services.logger))
    routes.add(
      ControlIssuerRoutes(
        master: services.master.address, agents: services.agents, trusted: services.trusted,
        access: services.access))
    routes.add(
      ControlTokenRoutes(
        master: services.master, agents: services.agents, tokens: services.requestTokens,
        device: HostDevice(folders: services.folders, settings: services.settings)))
    routes.add(
      ControlInviteRoutes(
        master: services.master, agents: services.agents, invites: services.invites, access: services.access,
        place: InvitePlace(
          settings: services.settings, listening: services.listening, tunnel: services.tunnel)))
    return routes
  }
}
