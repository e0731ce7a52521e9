import Foundation

/// What an owner is asked about a command that waits, and what the answers mean. It reads and writes nothing itself.
///
/// Nothing is said yes to by pressing Enter, nor by what was typed before the question was there.
struct PermissionPrompt {
  enum Event: Hashable, Sendable {
    /// What waits now.
    case waiting([PermissionRequestRow])
    /// A line that was typed.
    case line(String)
  }

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
  mutating func take(_ event: Event) -> [Act] {
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
  /// How a request is shown.
  enum Manner: Sendable {
    /// With a question.
    case asking
    /// With the command that answers it.
    case telling
    /// An object a line.
    case json
  }

  let owner: Owner
  let manner: Manner

  private enum Event: Sendable {
    case waiting([PermissionRequestRow])
    case line(String)
    case inputEnded
    case failed(any Error)
  }

  /// Watches until the input ends, where there is one, or the service.
  func run() async throws {
    let (events, continuation) = AsyncStream<Event>.makeStream()
    let polling = Task { [owner] in
      do {
        var list = try await Self.list(owner, "/control/sandbox/requests")
        while !Task.isCancelled {
          continuation.yield(.waiting(list.requests))
          list = try await Self.list(owner, "/control/sandbox/changes?after=\(list.revision)")
        }
      } catch {
        continuation.yield(.failed(error))
      }
    }
    let reading = Task {
      guard case .asking = manner else { return }
      for await line in TypedLines.stream() { continuation.yield(.line(line)) }
      if !Task.isCancelled { continuation.yield(.inputEnded) }
    }
    defer {
      polling.cancel()
      reading.cancel()
    }
    var prompt = PermissionPrompt()
    var shown: Set<String> = []
    for await event in events {
      switch event {
      case .waiting(let requests):
        if case .asking = manner {
          for act in prompt.take(.waiting(requests)) { await carryOut(act) }
        } else {
          for request in requests where !shown.contains(request.id) { show(request) }
          shown = Set(requests.map(\.id))
        }
      case .line(let line): for act in prompt.take(.line(line)) { await carryOut(act) }
      case .inputEnded: return
      case .failed(let error): throw error is CommandFailure ? error : CommandFailure.serviceNotRunning
      }
    }
    try Task.checkCancellation()
  }

  private static func list(_ owner: Owner, _ path: String) async throws -> PermissionRequestList {
    try await owner.send("GET", path).decoded(PermissionRequestList.self)
  }

  private func show(_ request: PermissionRequestRow) {
    if case .json = manner { return Terminal.say(JSONText.line(request)) }
    Terminal.note("")
    for line in request.lines { Terminal.note(line) }
    if case .telling = manner { Terminal.note(request.hint) }
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
