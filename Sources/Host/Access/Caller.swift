import Foundation
import Identity

/// Who asks: where the request came from, how it was carried, and what it proved about itself.
///
/// Nothing is trusted for where it comes from. `origin` says which machine or socket; only `principal` says
/// what was proven: by the kernel, or by a signature.
struct Caller: Hashable, Sendable {
  /// The place that a request came from.
  enum Origin: Hashable, Sendable {
    /// The control socket; the kernel says that this user is on the other end.
    case control(user: UInt32)
    /// A part of this process.
    case inProcess
    /// TCP from this machine: any of its users.
    case loopback(SourceAddress)
    /// TCP from another machine.
    case network(SourceAddress)
    /// A relay, which says where the request came from, and to which agent's name.
    case relay(SourceAddress, agent: Address)
    /// The socket that the sandboxes of this agent have, and nothing else.
    case sandbox(agent: UUID)
  }

  /// How a request was carried.
  enum Transport: Hashable, Sendable {
    case plain
    /// Inside a secure channel that was opened to this agent.
    case secureChannel(agent: Address)
  }

  /// What a request proved.
  enum Principal: Hashable, Sendable {
    /// The person whose host this is.
    case owner
    /// A holder of a valid access key.
    case accessKey(VerifiedAccessKey)
    /// A command that runs in a sandbox, by the pass that it was given for that.
    case execution(SandboxExecution)
    /// Nobody: no key, or one that is not accepted.
    case anonymous(AuthenticationRefusal)
  }

  let origin: Origin
  let transport: Transport
  let principal: Principal

  /// The one agent that this caller's key is for; nil for the owner, for a master key and for nobody.
  var agentScope: Address? {
    guard case .accessKey(let key) = principal, case .agent(let agent) = key.scope else { return nil }
    return agent
  }
}

extension Caller.Origin {
  /// Whether the bytes crossed a network on which somebody else may listen.
  var isRemote: Bool {
    switch self {
    case .network, .relay: true
    case .control, .inProcess, .loopback, .sandbox: false
    }
  }

  /// Whether the kernel, or this process itself, vouches that the owner is asking.
  var isOwner: Bool {
    switch self {
    case .control, .inProcess: true
    case .loopback, .network, .relay, .sandbox: false
    }
  }

  /// The internet address, where there is one. Limits count by it; nobody may more or less for it.
  var source: SourceAddress? {
    switch self {
    case .loopback(let source), .network(let source), .relay(let source, _): source
    case .control, .inProcess, .sandbox: nil
    }
  }

  /// Whether it came by IP, where requests name whom they are for.
  var isInternet: Bool { source != nil }

  /// By what room is counted; nil for the owner, whose is not.
  var holder: Holder? {
    switch self {
    case .loopback(let source), .network(let source), .relay(let source, _): .network(source)
    case .sandbox(let agent): .sandbox(agent: agent)
    case .control, .inProcess: nil
    }
  }

  /// Whether a relay carried the request.
  var isRelayed: Bool {
    switch self {
    case .relay: true
    case .control, .inProcess, .loopback, .network, .sandbox: false
    }
  }

  /// Whether the place that a request came to leads to this agent: an agent's name at a relay leads to it alone.
  func leads(to agent: Address?) -> Bool {
    switch self {
    case .relay(_, let named): named == agent
    case .control, .inProcess, .loopback, .network: true
    case .sandbox: false
    }
  }
}
