import Foundation
import Keyring
import Logging
import Synchronization

/// The exchange of the data key by a service, beside everything else that it does. One at a time.
final class ServiceRotation: Sendable {
  /// How it stands.
  struct Status: Encodable, Sendable {
    let isRunning: Bool
    let phase: RotationProgress.Phase?
    let percent: Int?
    /// What the last one did; nil while there is none, or it failed.
    let outcome: KeyRotation.Outcome?
    /// Why the last one failed, in a sentence.
    let failure: String?
  }

  private enum State {
    case idle
    case running(RotationProgress, Task<Void, Never>?)
    case done(Result<KeyRotation.Outcome, any Error>)
  }

  private let folders: HostFolders
  private let databases: HostDatabases
  private let use: DataUse
  private let logger: Logger
  private let state = Mutex(State.idle)
  /// Whether this process has the lock of the service.
  let isServing = Mutex(false)

  init(folders: HostFolders, databases: HostDatabases, use: DataUse, logger: Logger) {
    self.folders = folders
    self.databases = databases
    self.use = use
    self.logger = logger
  }

  var isRunning: Bool {
    state.withLock { if case .running = $0 { true } else { false } }
  }

  var status: Status {
    state.withLock { state in
      switch state {
      case .idle: Status(isRunning: false, phase: nil, percent: nil, outcome: nil, failure: nil)
      case .running(let progress, _):
        Status(
          isRunning: true, phase: progress.state.phase, percent: progress.state.percent, outcome: nil,
          failure: nil)
      case .done(.success(let outcome)):
        Status(isRunning: false, phase: nil, percent: nil, outcome: outcome, failure: nil)
      case .done(.failure(let error)):
        Status(isRunning: false, phase: nil, percent: nil, outcome: nil, failure: "\(error)")
      }
    }
  }

  /// Begins one.
  /// - Throws: ``HostError/rotationRunning`` while there is one.
  func start(_ rotation: KeyRotation? = nil) throws {
    let rotation = rotation ?? KeyRotation(folders: folders)
    let progress = RotationProgress()
    try state.withLock { state in
      if case .running = state { throw HostError.rotationRunning }
      state = .running(progress, nil)
    }
    let task = Task { await run(rotation, progress) }
    state.withLock { state in
      if case .running(let progress, nil) = state { state = .running(progress, task) }
    }
  }

  private func run(_ rotation: KeyRotation, _ progress: RotationProgress) async {
    let result: Result<KeyRotation.Outcome, any Error>
    do {
      // A host that is opened without being served is its own service meanwhile.
      let service = isServing.withLock { $0 } ? nil : try FileLock(tryFor: folders.serviceLock)
      guard isServing.withLock({ $0 }) || service != nil else {
        throw HostError.dataInUse(folder: folders.data.path)
      }
      defer { withExtendedLifetime(service) {} }
      let site = ServedData(folders: folders, databases: databases, use: use)
      result = .success(try await rotation.run(at: site, progress))
      logger.notice("the data key was replaced")
    } catch {
      result = .failure(error)
      logger.warning("the data key was not replaced: \(error)")
    }
    state.withLock { $0 = .done(result) }
  }

  /// Ends one before its turning point, and waits for its end.
  func cancel() async {
    let running: (RotationProgress, Task<Void, Never>?)? = state.withLock { state in
      if case .running(let progress, let task) = state { (progress, task) } else { nil }
    }
    running?.0.cancel()
    await running?.1?.value
  }

  /// Waits for the end of one.
  func wait() async {
    let task: Task<Void, Never>? = state.withLock { state in
      if case .running(_, let task) = state { task } else { nil }
    }
    await task?.value
  }
}
