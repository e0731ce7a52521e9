import ArgumentParser
import Foundation

/// Shows the devices that ask to be let in as they come, and asks the owner where one sits at the terminal.
struct PairWatch: Sendable {
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
    case prompt(PairingPrompt.Event)
    case inputEnded
    case failed(any Error)
  }

  /// Watches until the input ends, where there is one, or the service.
  func run() async throws {
    let (events, continuation) = AsyncStream<Event>.makeStream()
    let polling = Task { [owner] in
      do {
        var list = try await Self.list(owner, "/control/pair/requests")
        while !Task.isCancelled {
          continuation.yield(.prompt(.waiting(list.requests)))
          list = try await Self.list(owner, "/control/pair/changes?after=\(list.revision)")
        }
      } catch {
        continuation.yield(.failed(error))
      }
    }
    let reading = Task {
      guard case .asking = manner else { return }
      for await line in TypedLines.stream() { continuation.yield(.prompt(.line(line))) }
      if !Task.isCancelled { continuation.yield(.inputEnded) }
    }
    defer {
      polling.cancel()
      reading.cancel()
    }
    var prompt = PairingPrompt()
    for await event in events {
      switch event {
      case .prompt(let event): for act in prompt.take(event) { try await carryOut(act) }
      case .inputEnded: return
      case .failed(let error): throw error is CommandFailure ? error : CommandFailure.serviceNotRunning
      }
    }
    try Task.checkCancellation()
  }

  private static func list(_ owner: Owner, _ path: String) async throws -> PairRequestList {
    try await owner.send("GET", path).decoded(PairRequestList.self)
  }

  private func carryOut(_ act: PairingPrompt.Act) async throws {
    switch (manner, act) {
    case (.json, .show(let request)): Terminal.say(JSONText.line(request))
    case (.json, _): break
    case (_, .show(let request)):
      Terminal.note("")
      for line in request.facts.lines { Terminal.note(line) }
      if case .telling = manner {
        Terminal.note("If the device shows these words: osaurus-host pair approve \(request.id)")
      }
    case (.telling, _): break
    case (.asking, .say(let text)): Terminal.ask(text)
    case (.asking, .dropInput): TypedLines.drop()
    case (.asking, .decide(let id, let word)): await decide(id, word)
    }
  }

  private func decide(_ id: String, _ word: PairingPrompt.Word) async {
    do {
      let answer =
        switch word {
        case .allow(let permanently):
          try await owner.send(
            "POST", PairRequestRow.path(id, "/approve"), PairOrder(permanent: permanently))
        case .deny: try await owner.send("POST", PairRequestRow.path(id, "/deny"))
        }
      Terminal.note(try answer.decoded(PairOutcome.self).sentence)
    } catch {
      Terminal.note(FailureTranslation.failure(for: error).description)
    }
  }
}

extension PairCommand {
  /// `pair watch`: waits for devices and asks about each.
  struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Wait for devices that ask to be let in, and say yes or no to each.",
      discussion: """
        Example: osaurus-host pair watch       (end with Ctrl-C)

        'osaurus-host serve' asks the same on its own terminal. Without a terminal each request is shown with the command \
        that lets it in, or with --json as one object a line.
        """)

    @OptionGroup var output: OutputOptions

    func run() async throws {
      let manner: PairWatch.Manner = output.json ? .json : Terminal.inputIsTerminal ? .asking : .telling
      try await Owner.withService { owner in
        if case .asking = manner {
          Terminal.note("Waiting for devices that ask to be let in. Ctrl-C ends it.")
        }
        try await PairWatch(owner: owner, manner: manner).run()
      }
    }
  }
}
