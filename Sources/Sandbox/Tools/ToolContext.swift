public import Foundation

/// Who calls a tool.
public enum ToolOrigin: Hashable, Sendable {
  case owner, agent, bridge
  case plugin(String)
}

/// What the tools of one agent work with.
public struct ToolContext: Sendable {
  public let agent: UUID
  /// Starts the agent's commands, and knows its places.
  public let launcher: SandboxLauncher
  public let sessions: CommandSessions
  public var secrets: any ToolSecrets = NoSecrets()
  /// Who is asked before anything is started or changed.
  public let gate: any ToolGate
  public let audit: any ToolAudit
  /// The agent's plugins, whose tools are its own, too.
  public var plugins: any PluginTools = NoPlugins()
  /// How many commands the agent may start in one turn.
  public var commandsPerTurn = CommandAllowance.standard
  /// Whether it may leave processes in the background.
  public var allowsBackground = true

  public init(
    agent: UUID, launcher: SandboxLauncher, sessions: CommandSessions, gate: any ToolGate,
    audit: any ToolAudit
  ) {
    self.agent = agent
    self.launcher = launcher
    self.sessions = sessions
    self.gate = gate
    self.audit = audit
  }

  var profile: SandboxProfile { launcher.profile }
}

/// Where an agent's secrets are.
public protocol ToolSecrets: Sendable {
  func names() async throws -> [String]
  /// All of them, for the environment of commands and to hide them in what tools say.
  func all() async throws -> [AgentSecret]
  /// - Parameters:
  ///   - description: what it is for.
  ///   - instructions: where a person finds it.
  func set(_ secret: AgentSecret, description: String, instructions: String) async throws
}

/// An agent without secrets, which cannot be given one.
public struct NoSecrets: ToolSecrets {
  public init() {}
  public func names() -> [String] { [] }
  public func all() -> [AgentSecret] { [] }
  public func set(_ secret: AgentSecret, description: String, instructions: String) throws {
    throw ToolFailure(.unavailable, "Secrets cannot be kept here.", isRetryable: false)
  }
}

/// What a tool is about to start.
public struct ToolAct: Hashable, Sendable {
  public enum Work: Hashable, Sendable {
    /// A program and its arguments; no shell reads them.
    case words([String])
    /// Text that bash reads.
    case shell(String)
    /// A script that an interpreter reads, with its arguments.
    case script(String, interpreter: String, arguments: [String])
    case install(manager: String, packages: [String])
  }

  public let tool: String
  public let origin: ToolOrigin
  public let work: Work
  public let folder: SandboxPath?
  /// Whether it may run for longer than ``ExecutionRequest/mostTime``.
  public let isLong: Bool
  public let wantsNetwork: Bool
  /// What it finds in its environment besides.
  public var variables: [String: String] = [:]
  /// The host's tools that it may call.
  public var tools: [String] = []
}

/// Asked right before a tool starts something or changes a file. What it throws goes to the model (``ToolRefusal``).
public protocol ToolGate: Sendable {
  func admit(_ act: ToolAct) async throws
  func admitWrite(_ path: SandboxPath) async throws
}

/// Admits everything: for who needs nobody's permission.
public struct OpenGate: ToolGate {
  public init() {}
  public func admit(_ act: ToolAct) {}
  public func admitWrite(_ path: SandboxPath) {}
}
