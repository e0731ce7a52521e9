/// A command to run in a sandbox. Its words are words: no shell reads them unless the first one names a shell.
public struct ExecutionRequest: Sendable {
  /// The size of a terminal, in characters.
  public struct TerminalSize: Codable, Hashable, Sendable {
    public let columns: UInt16
    public let rows: UInt16

    public init(columns: UInt16, rows: UInt16) {
      self.columns = columns
      self.rows = rows
    }
  }

  /// How long a command runs when nothing is said.
  public static let ordinaryTime = Duration.seconds(30)
  /// How long it may be asked to run.
  public static let mostTime = Duration.seconds(300)
  /// How long it may be asked to run with ``isLong``.
  public static let mostLongTime = Duration.seconds(24 * 3600)

  /// The program and its arguments.
  public var command: [String]
  /// Where it runs; by default in the agent's home.
  public var folder: SandboxPath?
  /// What it finds in its environment.
  public var environment: SandboxEnvironment
  /// Whether input will be given. Without, there is none.
  public var takesInput = false
  /// The terminal that it is to run on, if on one. Both outputs are one then.
  public var terminal: TerminalSize?
  /// When it is ended.
  public var timeLimit = Self.ordinaryTime
  /// Whether it may run for more than ``mostTime``.
  public var isLong = false
  /// How long it has between being asked to end and being killed.
  public var grace = Duration.seconds(2)
  /// What it may ask of its host, where its sandbox has a way there.
  public var hostCalls = HostCalls()

  public init(_ command: [String], environment: SandboxEnvironment = SandboxEnvironment()) {
    self.command = command
    self.environment = environment
  }

  /// - Throws: ``SandboxError/invalidRequest(_:)``.
  public func check() throws(SandboxError) {
    guard let program = command.first, !program.isEmpty else { throw .invalidRequest("there is no command") }
    guard !command.contains(where: { $0.utf8.contains(0) }) else {
      throw .invalidRequest("an argument has a NUL byte")
    }
    // The kernel takes at most 128 KiB in one argument, and 2 MiB with the environment.
    guard command.allSatisfy({ $0.utf8.count < 128 << 10 }),
      command.reduce(0, { $0 + $1.utf8.count + 9 }) + environment.size <= 1 << 20
    else { throw .invalidRequest("its arguments are too long; put them in a file") }
    guard timeLimit > .zero else { throw .invalidRequest("the time limit is not positive") }
    guard timeLimit <= (isLong ? Self.mostLongTime : Self.mostTime) else {
      throw .invalidRequest(
        isLong ? "no command runs longer than a day" : "more than 300 seconds have to be asked for on purpose"
      )
    }
    guard grace >= .zero, grace <= .seconds(60) else {
      throw .invalidRequest("the grace is at most a minute")
    }
    if let terminal, terminal.columns == 0 || terminal.rows == 0 {
      throw .invalidRequest("the terminal has no size")
    }
  }
}
