import CIsolation
import Glibc
import Synchronization

/// A command that runs in a sandbox, or did. A thread of its own starts it, reads what it says, keeps its time limit, whether or
/// not anybody looks, and sees it end; the kernel kills the sandbox if that thread ends first.
public final class CommandSession: Sendable {
  /// Where a command is on its way.
  public enum Phase: Sendable {
    case starting, running
    case ended(ExecutionResult)
    /// It never ran.
    case failed(SandboxError)

    var isOver: Bool {
      switch self {
      case .starting, .running: false
      case .ended, .failed: true
      }
    }
  }

  /// What a look at a command shows.
  public struct Snapshot: Sendable {
    public let phase: Phase
    public let standardOutput: CapturedOutput
    public let standardError: CapturedOutput
  }

  /// Bytes of input that wait for the command.
  static let mostWaitingInput = 1 << 20

  struct State {
    var phase = Phase.starting
    var output = OutputBuffer()
    var errors = OutputBuffer()
    var input: [UInt8] = []
    var inputEnds: Bool
    var size: ExecutionRequest.TerminalSize?
    var signals: [Int32] = []
    /// Whether what the command says is left where it is.
    var isOutputHeld = false
    /// Who wants the command to end.
    var ending: ExecutionResult.Cause?
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextWaiting = 0
    /// Told of each piece of output.
    var listener: (@Sendable (_ isError: Bool, _ piece: [UInt8]) -> Void)?
  }

  public let id = CommandSessionID()
  let request: ExecutionRequest
  let state: Mutex<State>
  private let wake: Descriptor

  /// Starts a command; that it cannot be started is seen in its phase.
  /// - Parameter listener: is told of what the command says as it says it, from the command's own thread.
  public init(
    _ request: ExecutionRequest, with launcher: SandboxLauncher,
    listener: (@Sendable (_ isError: Bool, _ piece: [UInt8]) -> Void)? = nil
  ) throws(SandboxError) {
    try request.check()
    self.request = request
    do {
      wake = try Descriptor(opened: osr_wake_counter())
    } catch {
      throw .notStarted("\(error)")
    }
    state = Mutex(State(inputEnds: !request.takesInput && request.terminal == nil, listener: listener))
    CommandThread.start { [self] in CommandThread(session: self, launcher: launcher).run() }
  }

  var wakeDescriptor: Int32 { wake.number }

  /// Makes the thread look at what is wanted.
  private func nudge() {
    var one: UInt64 = 1
    _ = Glibc.write(wake.number, &one, MemoryLayout<UInt64>.size)
  }

  /// What there is so far.
  public func snapshot() -> Snapshot {
    state.withLock {
      Snapshot(phase: $0.phase, standardOutput: $0.output.captured, standardError: $0.errors.captured)
    }
  }

  /// Gives input. It is kept until the command reads it.
  /// - Throws: ``SandboxError/inputClosed`` or ``SandboxError/inputFull``.
  public func write(_ bytes: [UInt8]) throws(SandboxError) {
    let refusal: SandboxError? = state.withLock { state in
      if state.phase.isOver || state.inputEnds { return .inputClosed }
      if state.input.count + bytes.count > Self.mostWaitingInput { return .inputFull }
      state.input += bytes
      return nil
    }
    if let refusal { throw refusal }
    nudge()
  }

  /// How much input waits for the command.
  public var waitingInput: Int { state.withLock { $0.input.count } }

  /// Ends the input, once all that was given is read. A terminal's is ended by the character for it.
  public func endInput() {
    if request.terminal != nil {
      try? write([0x04])
    } else {
      state.withLock { $0.inputEnds = true }
      nudge()
    }
  }

  /// Leaves what the command says where it is, or goes on reading it. A command whose output is held stands still once there is no more
  /// room for it; its time goes on.
  public func holdOutput(_ isHeld: Bool) {
    let isChange = state.withLock { state in
      defer { state.isOutputHeld = isHeld }
      return state.isOutputHeld != isHeld
    }
    if isChange { nudge() }
  }

  /// Gives the terminal another size.
  public func resize(to size: ExecutionRequest.TerminalSize) {
    guard request.terminal != nil, size.columns > 0, size.rows > 0 else { return }
    state.withLock { $0.size = size }
    nudge()
  }

  /// Sends a signal to every process inside.
  public func signal(_ number: Int32) {
    guard (1..<32).contains(number) else { return }
    state.withLock { if $0.signals.count < 64 { $0.signals.append(number) } }
    nudge()
  }

  /// Asks every process inside to end, and kills those that have not after the grace.
  public func terminate(_ cause: ExecutionResult.Cause = .request) {
    state.withLock { if $0.ending == nil { $0.ending = cause } }
    nudge()
  }

  /// Waits until it has ended, or for so long. A wait that is cancelled returns at once; the command goes on.
  public func wait(atMost limit: Duration? = nil) async {
    guard let limit else { return await waitForEnd() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.waitForEnd() }
      group.addTask { try? await Task.sleep(for: limit) }
      await group.next()
      group.cancelAll()
    }
  }

  /// Waits for the result.
  /// - Throws: ``SandboxError``, when the command never ran.
  public func result() async throws -> ExecutionResult {
    await wait()
    switch state.withLock({ $0.phase }) {
    case .ended(let result): return result
    case .failed(let error): throw error
    case .starting, .running: throw CancellationError()
    }
  }

  private func waitForEnd() async {
    let number = state.withLock { state in
      state.nextWaiting += 1
      return state.nextWaiting
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.phase.isOver || Task.isCancelled { return true }
          state.waiting[number] = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
    }
  }

  /// Ends the way of this command.
  func settle(_ phase: Phase) {
    let waiting = state.withLock { state in
      state.phase = phase
      state.input = []
      state.listener = nil
      defer { state.waiting = [:] }
      return state.waiting.values.map(\.self)
    }
    for continuation in waiting { continuation.resume() }
  }
}
