/// One of the walls between a command and the rest of the machine.
public enum IsolationLayer: String, CaseIterable, Codable, Hashable, Sendable {
  /// A file tree of its own: a read-only system, and what the agent was given.
  case files
  /// A user namespace, in which the command has no capability.
  case users
  /// A process namespace: nothing outside can be seen or signalled, and nothing inside outlives the command.
  case processes
  /// A network namespace with nothing in it.
  case network
  /// Shared memory, queues and semaphores of its own.
  case interprocess
  /// A host name of its own.
  case hostName
  /// No view of the machine's control groups.
  case controlGroups
  /// No capabilities, and no way to gain any (`no_new_privs`).
  case privileges
  /// A list of the system calls that there are.
  case systemCalls
  /// Landlock: files, TCP, signals and abstract sockets, once more and independently of the namespaces.
  case landlock
  /// Bounds on memory, processes, files and processor time.
  case limits
  /// An environment made from nothing.
  case environment

  /// What a person calls it.
  public var plainWords: String {
    switch self {
    case .files: "a file tree of its own"
    case .users: "a user namespace"
    case .processes: "a process namespace"
    case .network: "a network namespace"
    case .interprocess: "an IPC namespace"
    case .hostName: "a host name of its own"
    case .controlGroups: "a control group namespace"
    case .privileges: "dropped privileges"
    case .systemCalls: "a system call filter"
    case .landlock: "Landlock"
    case .limits: "resource limits"
    case .environment: "an environment made from nothing"
    }
  }

  /// Whether the owner may do without it where a machine does not have it. Without the others there is no sandbox.
  public var isWaivable: Bool {
    switch self {
    case .landlock, .systemCalls: true
    case .files, .users, .processes, .network, .interprocess, .hostName, .controlGroups, .privileges, .limits,
      .environment:
      false
    }
  }
}

/// How one layer stood while a command ran.
public struct LayerReport: Codable, Hashable, Sendable {
  /// Whether it held.
  public enum State: String, Codable, Sendable {
    /// It held.
    case on
    /// It held as far as this machine has it; other layers stop the rest.
    case partial
    /// The owner does without it.
    case waived
    /// This machine does not have it.
    case missing
  }

  public let layer: IsolationLayer
  public let state: State
  /// Which version or means.
  public let detail: String
  /// What a person can do where it is not whole.
  public let remedy: String?

  package init(_ layer: IsolationLayer, _ state: State, _ detail: String, remedy: String? = nil) {
    self.layer = layer
    self.state = state
    self.detail = detail
    self.remedy = remedy
  }
}
