/// How many commands an agent may start in one turn. Where nobody says that a turn is over, it is over when none was started for a
/// while. A command that is refused does not count, and does not make the turn longer.
public actor CommandAllowance {
  public static let standard = 10
  /// How long nothing is started before the next command is one of a new turn.
  static let pause = Duration.seconds(15)

  private let most: Int
  private var count = 0
  private var latest: ContinuousClock.Instant?

  init(most: Int) { self.most = max(1, most) }

  func startTurn() { count = 0 }

  /// - Throws: ``ToolFailure`` of ``ToolFailure/Kind/rejected``.
  func take(now: ContinuousClock.Instant = .now) throws(ToolFailure) {
    if let latest, now - latest > Self.pause { count = 0 }
    guard count < most else {
      throw ToolFailure(
        .rejected, "\(most) commands were started in this turn, which is as many as may.",
        expected: "fewer commands, or the next turn", metadata: ["code": "COMMAND_LIMIT"])
    }
    count += 1
    latest = now
  }
}
