/// How many commands an agent may start in one turn. Where nobody says that a turn is over, it is over when none was started for a
/// while. A command that is refused does not count, and does not make the turn longer.
public actor CommandAllowance {
  public static let standard = 10
  /// How long nothing is started before the next command is one of a new turn.
  static let pause = Duration.seconds(15)

  private let most: Int
  private var count = 0
  private var latest: ContinuousClock.Instant?

  init(most: Int = CommandAllowance.standard) { self.most = most }

  func startTurn() { count = 0 }

  /// - Throws: ``ToolFailure`` of ``ToolFailure/Kind/rejected``.
  /// - Parameter other: how many may be started, where that has changed.
  func take(
    atMost other: Int? = nil, now: ContinuousClock.Instant = .now
  ) throws(ToolFailure) {
    let most = max(1, other ?? most)
    if let latest, now - latest > Self.pause { count = 0 }
    guard count < most else {
      throw ToolFailure(
        .rejected, "\(most) commands were started in this turn, which is as many as may.",
        expected: "fewer commands, or the next turn", metadata: ["code": "COMMAND_LIMIT"])
    }
    count += 1
    latest = now
  }

  /// Takes back what was counted for a command that was refused.
  func giveBack() { count = max(0, count - 1) }
}
