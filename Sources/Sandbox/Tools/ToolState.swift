/// What the tools of one agent's sandbox share from one call to the next, for as long as the agent has one: how many commands
/// were started, and the processes in the background.
public final class ToolState: Sendable {
  let allowance = CommandAllowance()
  let processes = BackgroundProcesses()
  let installs = InstallTurn()

  public init() {}

  /// The agent's next turn: what it may start is counted anew.
  public func startTurn() async { await allowance.startTurn() }

  /// Waits until the audit was told of every process in the background that has ended. Call it when all have.
  public func settle() async { await processes.settle() }
}
