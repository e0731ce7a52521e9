import ArgumentParser
import Foundation

/// Shows the devices that ask to be let in as they come, and asks the owner where one sits at the terminal.
struct PairWatch: Sendable {
  let owner: Owner
  let manner: RequestManner

  /// Watches until the input ends, where there is one, or the service.
  func run() async throws {
    var prompt = PairingPrompt()
    let feed = RequestFeed<PairRequestRow>(owner: owner, path: "/control/pair")
    try await feed.follow(readingLines: manner == .asking) { event in
      for act in prompt.take(event) { await carryOut(act) }
    }
  }

  private func carryOut(_ act: PairingPrompt.Act) async {
    switch (manner, act) {
    case (.json, .show(let request)): Terminal.say(JSONText.line(request))
    case (.json, _): break
    case (_, .show(let request)):
      Terminal.note("")
      for line in request.facts.lines { Terminal.note(line) }
      if manner == .telling {
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
      let manner = RequestManner(output)
      try await Owner.withService { owner in
        if manner == .asking {
          Terminal.note("Waiting for devices that ask to be let in. Ctrl-C ends it.")
        }
        try await PairWatch(owner: owner, manner: manner).run()
      }
    }
  }
}
