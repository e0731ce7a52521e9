/// Looks names up for one command: a few at a time, so that a name whose servers do not answer holds up nobody else's commands, and
/// for nobody who has gone meanwhile.
actor EgressLookups {
  static let mostAtOnce = 2

  private let resolver: any EgressResolver
  private var running = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// Those under way, and those that wait.
  var count: Int { running + waiting.count }

  init(_ resolver: any EgressResolver) { self.resolver = resolver }

  /// The addresses of a name.
  /// - Parameter isWanted: asked when its turn has come.
  func addresses(of name: String, isWanted: @Sendable () -> Bool) async -> [InternetAddress] {
    if running < Self.mostAtOnce {
      running += 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
    defer { passOn() }
    guard isWanted() else { return [] }
    return await resolver.addresses(of: name).compactMap { InternetAddress(bytes: $0) }
  }

  /// Gives the place to who waits for it.
  private func passOn() {
    if waiting.isEmpty { running -= 1 } else { waiting.removeFirst().resume() }
  }
}
