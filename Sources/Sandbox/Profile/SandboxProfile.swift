import Foundation

/// What an agent's commands are given, and what the owner lets them do without.
public struct SandboxProfile: Sendable {
  /// The agent's places.
  public private(set) var places: AgentPlaces
  /// The owner's folders that it may use.
  public var grants: [WorkspaceGrant] = []
  public var network = NetworkAccess.none
  /// Told of each connection that a command asked the proxy for, when it is over, from a thread of the proxy's.
  public var onConnection: (@Sendable (EgressRecord) -> Void)?
  /// What stands in the place of this machine's programs and libraries; nil for these.
  public var root: RootImage?
  public var limits = ResourceLimits()
  /// The way to the host; nil for none.
  public var bridge: SandboxBridge?
  /// The layers that the owner does without where this machine does not have them. They are shown in every result.
  public var waived: Set<IsolationLayer> = []
  /// For tests of the layers: those that are left out although they are there.
  package var leftOut: Set<IsolationLayer> = []
  /// Where control groups are made; tests bring their own.
  package var controlGroups = ControlGroups.here()
  /// What the proxy stands on; tests bring their own.
  package var egress = EgressSurroundings.internet

  public init(places: AgentPlaces) { self.places = places }

  /// The same in other places.
  func moved(to places: AgentPlaces) -> SandboxProfile {
    var profile = self
    profile.places = places
    return profile
  }

  /// Whether there is a proxy on the loopback of its own. Without a network namespace that would be this machine's.
  var hasProxy: Bool { network.policy != nil && !leftOut.contains(.network) }

  /// What the paths of this agent's tools may name.
  public var reachable: SandboxPath.Reachable {
    SandboxPath.Reachable(
      home: places.home,
      others: [AgentPlaces.shared] + grants.map(\.place)
        + (places.code == nil ? [] : [AgentPlaces.pluginCode]))
  }

  /// - Throws: ``SandboxError/notWaivable(_:)`` or ``SandboxError/grantRefused(path:reason:)``.
  func check() throws(SandboxError) {
    if let needed = waived.sorted(by: { $0.rawValue < $1.rawValue }).first(where: { !$0.isWaivable }) {
      throw .notWaivable(needed)
    }
    var names: Set<String> = []
    for grant in grants {
      guard names.insert(grant.name).inserted else {
        throw .grantRefused(path: grant.folder, reason: "another workspace is called '\(grant.name)', too")
      }
      // A command could move the inner one away while another is being started in it.
      let within = grants.filter {
        $0.folder != grant.folder && SandboxPath.isInside(grant.folder, of: $0.folder)
      }
      if let outer = within.first {
        throw .grantRefused(path: grant.folder, reason: "it lies in '\(outer.folder)', which is granted, too")
      }
      let own = places.folder.deletingLastPathComponent().deletingLastPathComponent().path
      if SandboxPath.isInside(grant.folder, of: own) || SandboxPath.isInside(own, of: grant.folder) {
        throw .grantRefused(path: grant.folder, reason: "the sandboxes themselves are in it")
      }
    }
  }
}
