import Foundation
import Identity

/// What becomes of a request.
enum Decision: Hashable, Sendable {
  case allow
  /// It proved nothing: 401.
  case unauthenticated(AuthenticationRefusal)
  /// It crossed a network in the clear: 426.
  case channelRequired
  /// Its key is for another agent, or for one agent only: 403.
  case scopeDenied
  /// There is nothing here, or nothing that this caller should know of: 404.
  case notFound
}

/// Who may do what: the only place that says it.
///
/// A request that proves nothing is told so first, then that it needs a secure channel, then that its key
/// does not reach so far.
struct AccessPolicy: Hashable, Sendable {
  /// Whether the owner lets other machines use models without a secure channel. Agents always need one.
  var allowsPlaintextClients = false

  func decide(_ route: RouteClass, _ caller: Caller) -> Decision {
    if case .sandbox(let agent) = caller.origin { return decide(route, caller, inSandboxOf: agent) }
    return isInRelaysHands(caller) && !isForRelays(route) ? .notFound : allowed(route, caller)
  }

  /// What code in a sandbox may: to be served as its own agent, with a pass of a command of that agent's that runs. The socket
  /// that it came by says as well whose it is, and both have to agree.
  private func decide(_ route: RouteClass, _ caller: Caller, inSandboxOf agent: UUID) -> Decision {
    guard case .execution(let execution) = caller.principal, execution.agent == agent else {
      return .unauthenticated(.unknownPass)
    }
    guard case .sandboxService(let named) = route else { return .notFound }
    return named == nil || named == agent ? .allow : .scopeDenied
  }

  private func allowed(_ route: RouteClass, _ caller: Caller) -> Decision {
    switch route {
    case .greeting, .publicInformation, .handshake, .pairing, .redemption, .envelope:
      .allow
    case .catalogue, .agentCatalogue:
      authenticated(caller) { .allow }
    case .inference:
      authenticated(caller) {
        if !allowsPlaintextClients && isExposed(caller) { return .channelRequired }
        return caller.agentScope == nil ? .allow : .scopeDenied
      }
    case .agentDetails(let agent):
      authenticated(caller) { reaches(agent, caller) }
    case .agentRun(let agent):
      authenticated(caller) { isExposed(caller) ? .channelRequired : reaches(agent, caller) }
    case .agentInBody:
      authenticated(caller) { isExposed(caller) ? .channelRequired : .allow }
    case .administration:
      authenticated(caller) { caller.principal == .owner ? .allow : .notFound }
    case .sandboxService, .unknown:
      authenticated(caller) { .notFound }
    }
  }

  /// Whether a relay carries the request and reads it.
  private func isInRelaysHands(_ caller: Caller) -> Bool {
    switch caller.transport {
    case .plain: caller.origin.isRelayed
    case .secureChannel: false
    }
  }

  /// What there is for those who come through a relay, outside of a channel: what lets somebody in, what opens a
  /// channel, what carries it, and that a host is here.
  private func isForRelays(_ route: RouteClass) -> Bool {
    switch route {
    case .publicInformation, .handshake, .pairing, .redemption, .envelope: true
    case .greeting, .catalogue, .inference, .agentCatalogue, .agentDetails, .agentRun, .agentInBody,
      .administration, .sandboxService, .unknown:
      false
    }
  }

  private func authenticated(_ caller: Caller, then decide: () -> Decision) -> Decision {
    switch caller.principal {
    case .owner, .accessKey: decide()
    // A pass is worth nothing anywhere else.
    case .execution: .unauthenticated(.unknownPass)
    case .anonymous(let refusal): .unauthenticated(refusal)
    }
  }

  /// Whether the request crossed a network without a secure channel.
  private func isExposed(_ caller: Caller) -> Bool {
    switch caller.transport {
    case .plain: caller.origin.isRemote
    case .secureChannel: false
    }
  }

  /// Whether the caller's key is for all agents, or for this one.
  private func reaches(_ agent: Address?, _ caller: Caller) -> Decision {
    switch caller.agentScope {
    case nil: .allow
    case let scope?: scope == agent ? .allow : .scopeDenied
    }
  }
}
