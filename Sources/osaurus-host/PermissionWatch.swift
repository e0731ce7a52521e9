import Foundation

/// What an owner is asked about a command that waits, and what the answers mean. It reads and writes nothing itself.
///
/// Nothing is said yes to by pressing Enter, nor by what was typed before the question was there.
struct PermissionPrompt {
  enum Act: Hashable, Sendable {
    case show(PermissionRequestRow)
    case say(String)
    /// Forget what was typed already.
    case dropInput
    /// nil is no.
    case decide(id: String, PermissionOrder?)
  }

  static let question =
    "Allow it? once, session, a time such as 1h, or no; nothing happens before you type one: "

  private var asked: PermissionRequestRow?
  private var waiting: [PermissionRequestRow] = []

  /// What to do about an event, in this order.
  mutating func take(_ event: RequestFeed<PermissionRequestRow>.Event) -> [Act] {
    switch event {
    case .waiting(let requests):
      waiting = requests
      if let asked, requests.contains(where: { $0.id == asked.id }) { return [] }
      let ended: [Act] = asked == nil ? [] : [.say("\nIt does not wait any more.")]
      return ended + next()
    case .line(let line):
      guard let request = asked else { return [] }
      let word = line.trimmingCharacters(in: .whitespaces).lowercased()
      switch word {
      case "once": return decide(request, PermissionOrder(scope: "once", seconds: nil))
      case "session": return decide(request, PermissionOrder(scope: "session", seconds: nil))
      case "no": return decide(request, nil)
      default:
        guard let seconds = try? PermissionOrder.seconds(word) else { return [.say(Self.question)] }
        return decide(request, PermissionOrder(scope: "time", seconds: seconds))
      }
    }
  }

  private mutating func next() -> [Act] {
    asked = waiting.first
    return waiting.first.map { [.show($0), .dropInput, .say(Self.question)] } ?? []
  }

  private mutating func decide(_ request: PermissionRequestRow, _ order: PermissionOrder?) -> [Act] {
    waiting.removeAll { $0.id == request.id }
    return [.decide(id: request.id, order)] + next()
  }
}

/// Shows the commands that need the owner's word as they come, and asks the owner where one sits at the terminal.
struct PermissionWatch: Sendable {
  let owner: Owner
  let manner: RequestManner

  /// Watches until the input ends, where there is one, or the service.
  func run() async throws {
    var prompt = PermissionPrompt()
    var shown: Set<String> = []
    let feed = RequestFeed<PermissionRequestRow>(owner: owner, path: "/control/sandbox")
    try await feed.follow(readingLines: manner == .asking) { event in
      if manner == .asking {
        for act in prompt.take(event) { await carryOut(act) }
      } else if case .waiting(let requests) = event {
        for request in requests where !shown.contains(request.id) { show(request) }
        shown = Set(requests.map(\.id))
      }
    }
  }

  private func show(_ request: PermissionRequestRow) {
    if manner == .json { return Terminal.say(JSONText.line(request)) }
    Terminal.note("")
    for line in request.lines { Terminal.note(line) }
    if manner == .telling { Terminal.note(request.hint) }
  }

  private func carryOut(_ act: PermissionPrompt.Act) async {
    switch act {
    case .show(let request): show(request)
    case .say(let text): Terminal.ask(text)
    case .dropInput: TypedLines.drop()
    case .decide(let id, let order): await decide(id, order)
    }
  }

  private func decide(_ id: String, _ order: PermissionOrder?) async {
    do {
      guard let order else {
        _ = try await owner.send("POST", PermissionRequestRow.path(id, "/deny"))
        return Terminal.note("Denied.")
      }
      let answer = try await owner.send("POST", PermissionRequestRow.path(id, "/approve"), order)
      Terminal.note(try answer.decoded(PermissionOutcome.self).sentence(order))
    } catch {
      Terminal.note(FailureTranslation.failure(for: error).description)
    }
  }
}
