import Foundation

/// What an owner is asked about a device that wants to be let in, and what the answers mean. It reads and writes nothing
/// itself.
///
/// Nothing is said yes to by pressing Enter, nor by what was typed before the question was there.
struct PairingPrompt {
  enum Word: Hashable, Sendable {
    case allow(permanently: Bool)
    case deny
  }

  enum Act: Hashable, Sendable {
    case show(PairRequestRow)
    case say(String)
    /// Forget what was typed already.
    case dropInput
    case decide(id: String, Word)
  }

  static let question =
    "Does the device show these words? yes (for 90 days), forever, or no; nothing happens before you type one: "

  private var asked: PairRequestRow?

  /// What to do about an event, in this order.
  mutating func take(_ event: RequestFeed<PairRequestRow>.Event) -> [Act] {
    switch event {
    case .waiting(let requests):
      if let asked, requests.contains(where: { $0.id == asked.id }) { return [] }
      let ended: [Act] = asked == nil ? [] : [.say("\nThe device does not wait any more.")]
      asked = requests.first
      return ended + (requests.first.map { [.show($0), .dropInput, .say(Self.question)] } ?? [])
    case .line(let line):
      guard let request = asked else { return [] }
      switch line.trimmingCharacters(in: .whitespaces).lowercased() {
      case "yes": return decide(request, .allow(permanently: false))
      case "forever": return decide(request, .allow(permanently: true))
      case "no": return decide(request, .deny)
      default: return [.say(Self.question)]
      }
    }
  }

  private mutating func decide(_ request: PairRequestRow, _ word: Word) -> [Act] {
    asked = nil
    return [.decide(id: request.id, word)]
  }
}
