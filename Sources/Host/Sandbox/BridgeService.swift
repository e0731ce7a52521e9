import Foundation
import HTTPTypes
import Synchronization

/// What is counted by the minute, for each agent by itself.
enum BridgeService: Hashable, Sendable {
  case inference, dispatch, events, log, memory, plugin, tools
  /// Secrets and settings.
  case keeping

  /// The service of a path without its prefix.
  init(path: some StringProtocol) {
    let parts = path.split(separator: "/", maxSplits: 2)
    self =
      switch (parts.first, parts.dropFirst().first) {
      case ("inference", _): .inference
      case ("agent", "dispatch"): .dispatch
      case ("agent", _): .memory
      case ("events", _): .events
      case ("log", _): .log
      case ("plugin", _): .plugin
      case ("tools", _): .tools
      default: .keeping
      }
  }

  /// How many calls a minute are served.
  var perMinute: Int {
    switch self {
    case .inference: 60
    case .dispatch, .plugin: 10
    case .events, .memory: 120
    case .log, .tools, .keeping: 600
    }
  }
}

/// How often agents called in the last minute. Calls that are refused do not count.
final class BridgeRates: Sendable {
  private struct Key: Hashable {
    let agent: UUID
    let service: BridgeService
  }

  private static let window = Duration.seconds(60)

  private let clock: @Sendable () -> ContinuousClock.Instant
  private let calls = Mutex<[Key: [ContinuousClock.Instant]]>([:])

  init(clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.clock = clock }

  /// Counts a call.
  /// - Throws: ``BridgeFailure`` where there were too many.
  func count(_ service: BridgeService, of agent: UUID) throws(BridgeFailure) {
    let most = service.perMinute
    let now = clock()
    let wait: Duration? = calls.withLock { calls in
      let key = Key(agent: agent, service: service)
      var recent = calls[key, default: []]
      recent.removeAll { now - $0 >= Self.window }
      defer { calls[key] = recent }
      guard recent.count < most else { return Self.window - (now - recent[0]) }
      recent.append(now)
      return nil
    }
    if let wait {
      throw BridgeFailure(
        .tooManyRequests, "Rate limit exceeded: \(most) calls a minute",
        retryAfter: Int(wait.components.seconds) + 1)
    }
  }

  /// Forgets an agent.
  func forget(_ agent: UUID) { calls.withLock { $0 = $0.filter { $0.key.agent != agent } } }
}
