public import AsyncHTTPClient
public import Foundation
import Glibc
import SecretMemory

/// A small model that this host runs by itself: llama.cpp from the pinned `xllamacpp` package, or the `llama-server`
/// on PATH, and SmolLM2 135M.
///
/// It starts with the first question, on a loopback port that the kernel chooses, under a key made for that one
/// start. It is started again when it has died, stopped when it is idle, and never outlives this process.
public actor ManagedRuntime: ModelProvider {
  /// The name of the model that it serves.
  public static let modelName = "smollm2-135m"

  /// How it runs.
  public struct Settings: Sendable {
    /// How long it may be idle before it is stopped.
    public var idleLimit: Duration = .seconds(600)
    /// How long the model may take to load.
    public var startLimit: Duration = .seconds(180)
    /// How much of a conversation it sees, in tokens.
    public var contextTokens = 8192
    /// The most tokens of one answer.
    public var longestAnswer = 2048
    /// How many threads it computes with.
    public var threads = max(1, ProcessInfo.processInfo.activeProcessorCount)
    /// Whether a `llama-server` on PATH goes before the package.
    public var prefersProgram = true

    public init() {}
  }

  /// What it is doing.
  public enum Activity: String, Sendable, Codable {
    case notInstalled, stopped, starting, running, shutDown
  }

  private struct Running: Sendable {
    var number: Int
    var process: RuntimeProcess
    var provider: OpenAIProvider
  }

  private enum State {
    case stopped
    case starting(number: Int, Task<Running, any Error>)
    case running(Running)
    case shutDown
  }

  public nonisolated let name = "The managed model"
  private nonisolated let folder: RuntimeFolder
  private nonisolated let program: String?
  nonisolated let client: HTTPClient
  private let environment: [String: String]
  private let settings: Settings

  private var state = State.stopped
  private var starts = 0
  private var lastEnded = 0
  private var uses = 0
  private var backOff = BackOff()
  private var idleWatch: Task<Void, Never>?
  private var python: Python?

  /// - Parameters:
  ///   - folder: `data/runtime`; made, with mode 0700, when something is installed.
  ///   - client: a client from `HTTPClient.forModels()`.
  ///   - environment: for PATH, and for pip's settings.
  public init(
    folder: URL, client: HTTPClient, environment: [String: String] = ProcessInfo.processInfo.environment,
    settings: Settings = .init()
  ) {
    self.folder = RuntimeFolder(url: folder)
    self.client = client
    self.environment = environment
    self.settings = settings
    program =
      settings.prefersProgram || !RuntimePins.hasEngine
      ? Program.candidates("llama-server", environment: environment).first : nil
  }

  /// Whether everything that it needs is in place.
  public nonisolated var isInstalled: Bool { folder.hasModel && (program != nil || folder.hasEngine) }

  /// What it is doing now.
  public var activity: Activity {
    switch state {
    case .shutDown: .shutDown
    case .starting: .starting
    case .running: .running
    case .stopped: isInstalled ? .stopped : .notInstalled
    }
  }

  /// Installs what is missing; does nothing where nothing is. Cancelling it ends pip and leaves nothing half.
  ///
  /// - Throws: `InferenceError.pythonMissing`, `.checksumMismatch`, `.installFailed`, `.runtimeUnsupported`.
  public func install(progress: @escaping @Sendable (InstallProgress) -> Void = { _ in }) async throws {
    try await RuntimeInstaller(folder: folder, environment: environment, wantsEngine: program == nil)
      .install(progress: progress)
  }

  public nonisolated func models() async throws -> [ModelDescription] {
    guard isInstalled else { return [] }
    return [ModelDescription(id: Self.modelName, provider: name, ownedBy: "HuggingFaceTB")]
  }

  public func chat(_ request: ChatRequest) async throws -> ChatStream {
    let provider = try await use()
    return try await provider.chat(request) { [weak self] in
      Task { await self?.isUnused() }
    }
  }

  public func embed(_ request: EmbeddingRequest) async throws -> EmbeddingResponse {
    throw InferenceError.refused(
      provider: name, status: 501, message: "it has no embeddings; configure a server that does")
  }

  /// Stops the model until the next question.
  public func stop() async {
    if case .shutDown = state { return }
    await stop(then: .stopped)
  }

  /// Stops the model for good.
  public func shutdown() async { await stop(then: .shutDown) }

  /// The process of the running launcher, which is also its process group.
  var processID: pid_t? {
    if case .running(let running) = state { running.process.processID } else { nil }
  }

  /// The loopback port of the running model.
  var port: UInt16? {
    if case .running(let running) = state { running.process.port } else { nil }
  }
}

// MARK: - Starting and stopping

extension ManagedRuntime {
  /// The provider of the running model, started if need be. Every call is paired with `isUnused`.
  private func use() async throws -> OpenAIProvider {
    idleWatch?.cancel()
    uses += 1
    do {
      return try await running().provider
    } catch {
      isUnused()
      throw error
    }
  }

  private func isUnused() {
    uses -= 1
    guard uses == 0 else { return }
    idleWatch?.cancel()
    idleWatch = Task { [weak self, limit = settings.idleLimit] in
      try? await Task.sleep(for: limit)
      if !Task.isCancelled { await self?.stopIfUnused() }
    }
  }

  private func stopIfUnused() async {
    if uses == 0 { await stop() }
  }

  private func stop(then next: State) async {
    idleWatch?.cancel()
    let before = state
    state = next
    switch before {
    case .stopped, .shutDown: return
    case .starting(_, let task):
      task.cancel()
      if let running = try? await task.value { await running.process.stop() }
    case .running(let running): await running.process.stop()
    }
  }

  private func running() async throws -> Running {
    switch state {
    case .shutDown: throw InferenceError.shuttingDown
    case .running(let running): return running
    case .starting(_, let task): return try await task.value
    case .stopped: break
    }
    guard isInstalled else { throw InferenceError.runtimeNotInstalled }
    if let wait = backOff.wait(at: .now) {
      throw InferenceError.runtimeFailed(reason: "it keeps stopping; the next try is in \(wait) s")
    }
    starts += 1
    let number = starts
    let task = Task { try await start(number) }
    state = .starting(number: number, task)
    do {
      let running = try await task.value
      guard lastEnded != number else {
        throw InferenceError.runtimeFailed(reason: "it ended as soon as it ran")
      }
      if case .starting(number, _) = state { state = .running(running) }
      return running
    } catch {
      if case .starting(number, _) = state {
        state = .stopped
        backOff.hasFailed(at: .now)
      }
      if case .shutDown = state { throw InferenceError.shuttingDown }
      throw error
    }
  }

  private func start(_ number: Int) async throws -> Running {
    let interpreter: Python
    if let python {
      interpreter = python
    } else {
      interpreter = try await Python.find(withPip: false, environment: environment)
      python = interpreter
    }
    try folder.writeLauncher()
    let key = Self.makeKey()
    let order = RuntimeOrder(
      packages: folder.engine.path, program: program ?? "", model: folder.model.path, alias: Self.modelName,
      key: key, context: settings.contextTokens, longest: settings.longestAnswer, threads: settings.threads)
    let begun = ContinuousClock.now
    let process = try await RuntimeProcess.start(
      python: interpreter, folder: folder, order: order, patience: settings.startLimit
    ) { [weak self] in
      Task { await self?.hasEnded(number, after: begun.duration(to: .now)) }
    }
    var bytes = Array(key.utf8)
    let provider = try OpenAIProvider(
      name: name, url: ServerURL("http://127.0.0.1:\(process.port)/v1"),
      key: ProviderKey(SecretBytes(taking: &bytes)), client: client)
    do {
      try await Silence.limit(settings.startLimit) { _ in
        try await Self.waitUntilReady(provider, at: process.port)
      }
    } catch {
      await process.stop()
      throw error is Silence.TooLong
        ? InferenceError.runtimeFailed(reason: "the model took too long to load") : error
    }
    return Running(number: number, process: process, provider: provider)
  }

  /// Waits until the model is loaded: the package has loaded it when it reports its port, the program has not.
  ///
  /// The program listens at its port a moment after that was found free. Whoever else took it gets neither key nor
  /// question.
  private static func waitUntilReady(_ provider: OpenAIProvider, at port: UInt16) async throws {
    while true {
      let owners = ListeningSocket.owners(of: port)
      guard owners.allSatisfy({ $0 == geteuid() }) else {
        throw InferenceError.runtimeFailed(reason: "another user's program took its port")
      }
      if owners.isEmpty {
        try await Task.sleep(for: .milliseconds(50))
        continue
      }
      do {
        guard try await provider.models().contains(where: { $0.id == modelName }) else {
          throw InferenceError.runtimeFailed(reason: "another server answers at its port")
        }
        return
      } catch InferenceError.refused(_, 503, _), InferenceError.unreachable {
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  private func hasEnded(_ number: Int, after life: Duration) {
    lastEnded = number
    guard case .running(let running) = state, running.number == number else { return }
    state = .stopped
    idleWatch?.cancel()
    backOff.hasEnded(at: .now, after: life)
  }

  private static func makeKey() -> String { RandomBytes.make(32).hexadecimal }
}
