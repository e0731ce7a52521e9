public import Foundation

/// Where an agent's things are: inside the sandbox, and on this machine.
public struct AgentPlaces: Hashable, Sendable {
  static let root = "/workspace"
  /// The folder that all agents of a host share, inside.
  public static let shared = "/workspace/shared"
  /// The code of a plugin, in the sandboxes of its own commands alone.
  public static let pluginCode = "/workspace/plugin"
  static let reservedNames: Set<String> = ["agents", "shared", "plugin"]

  /// The agent's name inside: `agent-` and its identifier, in small letters, digits and `-`.
  public let name: String
  /// The folder on this machine with everything of this agent's sandbox.
  public let folder: URL
  /// The shared folder on this machine.
  public let sharedFolder: URL

  /// The agent's home, inside. It stays from command to command.
  public var home: String { "\(Self.root)/agents/\(name)" }
  /// What is the home on this machine: the agent's, or for a plugin's commands the plugin's own.
  public private(set) var homeFolder: URL
  /// The code of the plugin whose commands these are the places of.
  private(set) var code: PluginCode?
  /// Where the agent's plugins are on this machine, out of reach of its commands.
  var pluginsFolder: URL { folder.appending(path: "plugins") }
  /// What it sees as `/etc`.
  var systemFolder: URL { folder.appending(path: "etc") }

  /// The places of an agent.
  /// - Parameter sandboxes: the folder on this machine with the sandboxes of a host.
  public init(agent: UUID, in sandboxes: URL) {
    name = "agent-" + agent.uuidString.lowercased()
    folder = sandboxes.appending(path: "agents/\(name)")
    homeFolder = folder.appending(path: "home")
    sharedFolder = sandboxes.appending(path: "shared")
  }

  /// Where the commands of a plugin are: in a home of its own, with its code.
  /// - Parameter plugin: the plugin's folder on this machine.
  func ofPlugin(in plugin: URL, mayChangeCode: Bool = false) -> AgentPlaces {
    var places = self
    places.homeFolder = plugin.appending(path: "home")
    places.code = PluginCode(folder: plugin.appending(path: "code"), isWritable: mayChangeCode)
    return places
  }

  /// Makes what is not there yet, 0700.
  /// - Throws: ``SandboxError/folder(path:reason:)``.
  public func prepare() throws(SandboxError) {
    let agents = folder.deletingLastPathComponent()
    for place in [agents.deletingLastPathComponent(), agents, sharedFolder, folder, homeFolder, systemFolder]
    {
      try Self.make(place)
    }
    try SystemFiles(places: self).write()
  }

  /// Takes away the agent's home and all in it, also where a command of it still runs.
  /// - Throws: ``SandboxError/folder(path:reason:)``. What is left goes at the next try.
  public func remove() throws(SandboxError) { try TreeRemoval.remove(folder.path) }

  static func make(_ folder: URL) throws(SandboxError) {
    func failed(_ reason: String) -> SandboxError { .folder(path: folder.path, reason: reason) }
    if mkdir(folder.path, 0o700) == 0 { return }
    guard errno == EEXIST else { throw failed(SystemError.last.description) }
    var status = stat()
    guard lstat(folder.path, &status) == 0 else { throw failed(SystemError.last.description) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw failed("it is no folder") }
    guard status.st_uid == geteuid() else { throw failed("it belongs to somebody else") }
  }
}

/// The code of a plugin, as its commands see it.
struct PluginCode: Hashable, Sendable {
  /// On this machine.
  let folder: URL
  /// While it is set up.
  let isWritable: Bool
}
