public import Sandbox
public import Stores

extension SandboxSettings {
  /// What commands are given by it.
  /// - Throws: `SandboxError` where a folder that was granted is not there as it was, or what was said cannot be read.
  public func profile(in places: AgentPlaces) throws -> SandboxProfile {
    var profile = SandboxProfile(places: places)
    profile.grants = try workspaces.map { try $0.grant() }
    profile.network = try NetworkAccess(network)
    if let memory { profile.limits.memory = UInt64(clamping: memory) }
    if let processes { profile.limits.processes = UInt64(clamping: processes) }
    if let home { profile.limits.home = UInt64(clamping: home) }
    if let processors { profile.limits.processors = processors }
    profile.waived = Set(waived.compactMap(IsolationLayer.init(rawValue:)))
    return profile
  }
}

extension SandboxSettings.Workspace {
  /// The folder that was granted, and not what somebody put in its place.
  /// - Throws: `SandboxError`.
  public func grant() throws(SandboxError) -> WorkspaceGrant {
    let grant = try WorkspaceGrant(folder: folder, name: name, isWritable: isWritable)
    guard grant.folder == folder else {
      throw .grantRefused(path: folder, reason: "it is reached by a link now, which was no part of the grant")
    }
    return grant
  }
}
