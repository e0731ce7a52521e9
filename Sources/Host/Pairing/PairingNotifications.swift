import ForeignText

/// Asks the owner on the desktop about each connector that waits, with the words to compare.
///
/// Where there is no desktop, or none that shows buttons, nothing happens: the owner is asked at the terminal all the
/// same. Whatever is said first counts, wherever it is said; what is shown goes then.
struct PairingNotifications: Sendable {
  let desk: PairingDesk

  /// Asks until the desk is closed, or the task cancelled.
  func run() async {
    var asked: (id: String, task: Task<Void, Never>)?
    while true {
      let (revision, waiting) = desk.peek()
      if let old = asked, old.id != waiting?.id {
        old.task.cancel()
        await old.task.value
        asked = nil
      }
      if asked == nil, let waiting { asked = (waiting.id, Task { await ask(about: waiting) }) }
      guard await desk.change(after: revision), !Task.isCancelled else { break }
    }
    asked?.task.cancel()
    await asked?.task.value
  }

  private func ask(about waiting: WaitingVisitor) async {
    let answer = await Self.question(about: waiting.visitor).ask { desk.markShown(waiting.id) }
    let word: PairingWord
    switch answer {
    case .first: word = .allowed(isPermanent: false)
    case .second: word = .denied
    case .none: return
    }
    // What came of it is in the log, and whoever was decided about may have gone meanwhile.
    _ = try? await desk.decide(word, on: waiting.id)
  }

  /// The words come first, since some desktops show little more than one line.
  static func question(about visitor: PairingVisitor) -> DesktopQuestion {
    let from = visitor.source?.description ?? "this machine"
    return DesktopQuestion(
      title: "A device asks to be let in",
      text: """
        \(visitor.words)
        Let it in only if it shows these words.
        It asks for \(ForeignText.oneLine(visitor.agentName, limit: 60)), from \(from), as \(visitor.connector).
        """,
      first: "Let in for 90 days", second: "Deny")
  }
}
