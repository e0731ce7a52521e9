import Synchronization

/// How far an exchange of the data key has come, and whether it is to end before its turning point.
public final class RotationProgress: Sendable {
  /// What it is at.
  public enum Phase: String, Codable, Sendable {
    /// Attachments are sealed anew, while everything goes on.
    case attachments
    /// Databases are copied, while those who write wait.
    case databases
    /// The new files take the place of the old ones.
    case switching
  }

  /// How far it is.
  public struct State: Codable, Hashable, Sendable {
    public var phase = Phase.attachments
    public var bytesDone = 0
    public var bytesTotal = 0

    /// How much of the bytes is done, from 0 to 100.
    public var percent: Int {
      phase == .switching ? 100 : bytesTotal == 0 ? 0 : min(100, bytesDone * 100 / bytesTotal)
    }
  }

  private let current = Mutex(State())
  private let isCancelled = Mutex(false)
  private let shown: (@Sendable (State) -> Void)?

  /// - Parameter shown: told of every change.
  public init(shown: (@Sendable (State) -> Void)? = nil) { self.shown = shown }

  public var state: State { current.withLock { $0 } }

  /// Ends it, unless its turning point is behind it.
  public func cancel() { isCancelled.withLock { $0 = true } }

  func begin(total: Int) { change { $0.bytesTotal = total } }

  func enter(_ phase: Phase) throws {
    try check()
    change { $0.phase = phase }
  }

  /// Enters the part that is done to its end.
  func enterLast() { change { $0.phase = .switching } }

  func advance(by bytes: Int) throws {
    try check()
    change { $0.bytesDone += bytes }
  }

  /// - Throws: ``HostError/rotationCancelled``.
  func check() throws { if isCancelled.withLock({ $0 }) { throw HostError.rotationCancelled } }

  private func change(_ body: (inout State) -> Void) {
    let now = current.withLock { state in
      body(&state)
      return state
    }
    shown?(now)
  }
}
