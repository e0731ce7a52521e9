/// What is seen on the network: pure, with the time passed in, and driven by ``Browser``.
///
/// It holds a limited number of places, whatever is announced. A place is asked for what it is, for five seconds, and
/// once more; one that disappears is kept for twelve seconds, since services flap. (spec/02, C1)
struct BrowseList {
  typealias Instant = ContinuousClock.Instant

  /// The most places that are looked at. The daemon allows a program some thousand questions.
  static let limit = 500
  static let patience: Duration = .seconds(5)
  static let tries = 2
  static let grace: Duration = .seconds(12)

  enum Act: Hashable {
    case resolve(InstancePlace, number: UInt64)
    case stop(UInt64)
  }

  private enum Question {
    case asked(UInt64, tries: Int, until: Instant)
    /// It was answered; changes are told under the same number.
    case followed(UInt64)
    case givenUp

    var number: UInt64? {
      switch self {
      case .asked(let number, _, _), .followed(let number): number
      case .givenUp: nil
      }
    }
  }

  private struct Entry {
    var question: Question
    var service: DiscoveredService?
    /// When it is forgotten; nil while it is there.
    var goesAt: Instant?
  }

  private var entries: [InstancePlace: Entry] = [:]
  private var places: [UInt64: InstancePlace] = [:]
  private var lastNumber: UInt64 = 0
  /// How many places were too many.
  private(set) var dropped = 0

  mutating func appeared(_ place: InstancePlace, now: Instant) -> [Act] {
    guard entries[place] != nil || entries.count < Self.limit else {
      dropped += 1
      return []
    }
    // What is asked already is asked anew: it may be another service under the name of the one that went.
    return stop(place) + ask(place, tries: 1, now: now)
  }

  mutating func vanished(_ place: InstancePlace, now: Instant) -> [Act] {
    guard let entry = entries[place] else { return [] }
    let acts = stop(place)
    if entry.service == nil {
      entries[place] = nil
    } else if entry.goesAt == nil {
      entries[place]?.goesAt = now + Self.grace
    }
    return acts
  }

  /// The daemon went, and with it everything that it knew.
  mutating func lost(now: Instant) {
    for place in Array(entries.keys) { _ = vanished(place, now: now) }
  }

  mutating func resolved(_ number: UInt64, _ answer: ResolvedInstance) -> [Act] {
    guard let place = places[number] else { return [] }
    guard let service = try? DiscoveredService(answer) else {
      // What it says is not about an agent. It may become so, but it is not asked again for it.
      entries[place]?.service = nil
      return giveUp(place)
    }
    entries[place]?.service = service
    entries[place]?.question = .followed(number)
    return []
  }

  mutating func notResolved(_ number: UInt64, now: Instant) -> [Act] {
    guard let place = places[number] else { return [] }
    if case .asked(_, let tries, _)? = entries[place]?.question, tries < Self.tries {
      return stop(place) + ask(place, tries: tries + 1, now: now)
    }
    return giveUp(place)
  }

  /// What has become due.
  mutating func expire(now: Instant) -> [Act] {
    var acts: [Act] = []
    for (place, entry) in entries {
      if let goesAt = entry.goesAt, goesAt <= now {
        entries[place] = nil
      } else if case .asked(let number, _, let until) = entry.question, until <= now {
        acts += notResolved(number, now: now)
      }
    }
    return acts
  }

  /// When something becomes due; nil while nothing does.
  var nextDeadline: Instant? {
    entries.values.compactMap { entry in
      if let goesAt = entry.goesAt { return goesAt }
      if case .asked(_, _, let until) = entry.question { return until }
      return nil
    }.min()
  }

  /// What is there, each once, by whatever ways it is seen.
  var services: [DiscoveredService] {
    var found: [DiscoveredService] = []
    let known = entries.compactMap { place, entry in entry.service.map { (place, $0) } }
      .sorted { ($0.0.instance, $0.0.interface, $0.0.family) < ($1.0.instance, $1.0.interface, $1.0.family) }
    var indices: [DiscoveredService: Int] = [:]
    for (_, service) in known {
      var bare = service
      bare.addresses = []
      if let index = indices[bare] {
        found[index].addresses = Set(found[index].addresses + service.addresses).sorted()
      } else {
        indices[bare] = found.count
        found.append(service)
      }
    }
    return found
  }

  // MARK: Questions

  private mutating func ask(_ place: InstancePlace, tries: Int, now: Instant) -> [Act] {
    lastNumber += 1
    places[lastNumber] = place
    let question = Question.asked(lastNumber, tries: tries, until: now + Self.patience)
    entries[place, default: Entry(question: question)].question = question
    entries[place]?.goesAt = nil
    return [.resolve(place, number: lastNumber)]
  }

  private mutating func giveUp(_ place: InstancePlace) -> [Act] { stop(place) }

  private mutating func stop(_ place: InstancePlace) -> [Act] {
    guard let number = entries[place]?.question.number else { return [] }
    places[number] = nil
    entries[place]?.question = .givenUp
    return [.stop(number)]
  }
}
