import CIsolation
import Foundation
import Synchronization

/// The thread of one command.
struct CommandThread {
  let session: CommandSession
  let launcher: SandboxLauncher

  static func start(_ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.name = "sandbox"
    thread.stackSize = 512 << 10
    thread.start()
  }

  func run() {
    let begin = ContinuousClock.now
    osr_block_signals()
    do {
      let pass = try launcher.profile.bridge.map { bridge throws(SandboxError) in
        try bridge.admit(session.request.hostCalls)
      }
      defer { pass?.revoke() }
      var process = try launcher.start(session.request, pass: pass)
      var watch = CommandWatch(session: session, launcher: launcher, begin: begin)
      watch.run(&process)
      watch.closeProxy()
      // Whoever sees the result knows that its pass is worth nothing any more.
      pass?.revoke()
      session.settle(watch.outcome(layers: process.layers))
    } catch {
      session.settle(.failed(error))
    }
  }
}

/// What happens from the start of a command to its end.
struct CommandWatch {
  /// How long everything inside has to be gone once it was killed there, before it is killed from outside.
  private static let patience = Duration.seconds(1)

  let session: CommandSession
  let begin: ContinuousClock.Instant
  private let profile: SandboxProfile
  private var proxy: EgressProxy.Service?
  private let outputLimit: Int
  private var outputScrubber: OutputScrubber
  private var errorScrubber: OutputScrubber
  private var bytesOfOutput = 0
  private var cause: ExecutionResult.Cause?
  private var account: SandboxProcess.Account?
  private var mishap: (stage: UInt8, error: Int32)?
  private var isControlOpen = true
  private var isInputOpen = true
  private var isOutputOpen = true
  private var isErrorOpen: Bool
  /// When more than asking is done next.
  private var nextStep: ContinuousClock.Instant?
  /// How often it was asked: not yet, to end, by a kill inside, by a kill from outside.
  private var severity = 0

  init(session: CommandSession, launcher: SandboxLauncher, begin: ContinuousClock.Instant) {
    self.session = session
    self.begin = begin
    profile = launcher.profile
    outputLimit = launcher.profile.leftOut.contains(.limits) ? .max : launcher.profile.limits.output
    let onTerminal = session.request.terminal != nil
    outputScrubber = session.request.environment.scrubber(onTerminal: onTerminal)
    errorScrubber = session.request.environment.scrubber(onTerminal: onTerminal)
    isErrorOpen = !onTerminal
  }

  /// Goes on until the command, and everything that it left behind, is gone.
  mutating func run(_ process: inout SandboxProcess) {
    let deadline = begin + session.request.timeLimit
    while isControlOpen {
      let now = ContinuousClock.now
      if severity == 0, now >= deadline { end(process, .timeLimit) }
      if let step = nextStep, now >= step { pressOn(process) }
      let next = nextStep ?? deadline
      waitForSomething(&process, until: severity == 0 ? min(deadline, next) : next)
    }
    process.kill()
    var status: Int32 = 0
    osr_collect(process.process, 1, &status)
    if account == nil, cause == nil, process.ranOutOfMemory() { cause = .memory }
    // All who could write are dead; what is left is read.
    while isOutputOpen, read(process.output.number, isError: false) {}
    while isErrorOpen, read(process.errors.number, isError: true) {}
    keep(outputScrubber.finish(), isError: false)
    keep(errorScrubber.finish(), isError: true)
  }

  private mutating func waitForSomething(_ process: inout SandboxProcess, until: ContinuousClock.Instant?) {
    let wanted = session.state.withLock { state in
      defer {
        state.signals = []
        state.size = nil
      }
      return (
        state.signals, state.size, state.ending, !state.input.isEmpty, state.inputEnds && state.input.isEmpty,
        state.isOutputHeld
      )
    }
    let (signals, size, ending, hasInput, isInputOver, isHeld) = wanted
    for number in signals { process.signalAll(number) }
    if let size, session.request.terminal != nil {
      osr_resize(process.output.number, size.columns, size.rows)
      process.signalAll(SIGWINCH)
    }
    if let ending, severity == 0 { end(process, ending) }
    if isInputOver, session.request.terminal == nil, isInputOpen { closeInput(&process) }

    var awaited = [
      pollfd(fd: process.control.number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: session.wakeDescriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isOutputOpen && !isHeld ? process.output.number : -1, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isErrorOpen && !isHeld ? process.errors.number : -1, events: Int16(POLLIN), revents: 0),
      pollfd(fd: hasInput && isInputOpen ? process.inputNumber : -1, events: Int16(POLLOUT), revents: 0),
    ]
    let left = (until ?? ContinuousClock.now + .seconds(60)) - ContinuousClock.now
    let milliseconds = max(
      0, min(60_000, left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1)
    )
    guard poll(&awaited, nfds_t(awaited.count), Int32(milliseconds)) > 0 else { return }

    if awaited[1].revents != 0 {
      var count: UInt64 = 0
      Glibc.read(session.wakeDescriptor, &count, MemoryLayout<UInt64>.size)
    }
    if awaited[2].revents != 0 { _ = read(process.output.number, isError: false) }
    if awaited[3].revents != 0 { _ = read(process.errors.number, isError: true) }
    if awaited[4].revents != 0 { feed(&process) }
    if awaited[0].revents != 0 { listen(process) }
    if severity == 0, bytesOfOutput > outputLimit { end(process, .output) }
  }

  private mutating func listen(_ process: borrowing SandboxProcess) {
    switch process.listen() {
    case .proxySocket(let number): openProxy(on: Descriptor(number), process)
    case .started: session.state.withLock { $0.phase = .running }
    case .notStarted(let stage, let error): mishap = (stage, error)
    case .ended(let account): self.account = account
    case .silence: isControlOpen = false
    case .nothing: break
    }
  }

  private mutating func openProxy(on socket: consuming Descriptor, _ process: borrowing SandboxProcess) {
    guard let policy = profile.network.policy, proxy == nil else { return }
    do {
      proxy = try EgressProxy(policy, profile.egress, log: profile.onConnection).serve(on: socket)
    } catch {
      mishap = (UInt8(ascii: "N"), EIO)
      process.kill()
    }
  }

  /// Ends what goes through the proxy.
  mutating func closeProxy() {
    proxy?.stop()
    proxy = nil
  }

  /// Reads a piece. False when there is nothing more now, or ever.
  private mutating func read(_ descriptor: Int32, isError: Bool) -> Bool {
    var count = 0
    let piece = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, filled in
      count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      filled = max(0, count)
    }
    if count < 0 {
      if errno == EINTR { return true }
      if errno == EAGAIN { return false }
    }
    guard count > 0 else {
      // A terminal whose other side is closed answers with an error.
      if isError { isErrorOpen = false } else { isOutputOpen = false }
      return false
    }
    bytesOfOutput += count
    keep(isError ? errorScrubber.pass(piece) : outputScrubber.pass(piece), isError: isError)
    return true
  }

  private func keep(_ bytes: [UInt8], isError: Bool) {
    guard !bytes.isEmpty else { return }
    let listener = session.state.withLock { state in
      if isError { state.errors.append(bytes) } else { state.output.append(bytes) }
      return state.listener
    }
    listener?(isError, bytes)
  }

  private mutating func closeInput(_ process: inout SandboxProcess) {
    process.closeInput()
    isInputOpen = false
  }

  private mutating func feed(_ process: inout SandboxProcess) {
    let piece = session.state.withLock { Array($0.input.prefix(64 << 10)) }
    let count = Glibc.write(process.inputNumber, piece, piece.count)
    if count > 0 {
      session.state.withLock { $0.input.removeFirst(count) }
    } else if errno != EAGAIN, errno != EINTR {
      // Nobody reads it any more.
      closeInput(&process)
      session.state.withLock { state in
        state.input = []
        state.inputEnds = true
      }
    }
  }

  private mutating func end(_ process: borrowing SandboxProcess, _ cause: ExecutionResult.Cause) {
    self.cause = cause
    severity = 1
    process.signalAll(SIGTERM)
    // What was stopped has to go on in order to end.
    process.signalAll(SIGCONT)
    nextStep = ContinuousClock.now + (cause == .output ? .zero : session.request.grace)
  }

  private mutating func pressOn(_ process: borrowing SandboxProcess) {
    severity += 1
    if severity == 2 { process.signalAll(SIGKILL) } else { process.kill() }
    nextStep = ContinuousClock.now + Self.patience
  }

  /// How it ended.
  func outcome(layers: [LayerReport]) -> CommandSession.Phase {
    let command = session.request.command.first ?? ""
    let (output, errors) = session.state.withLock { ($0.output.captured, $0.errors.captured) }
    if let mishap { return .failed(Self.failure(mishap, command)) }
    guard let account else {
      if let cause {
        return .ended(result(.signalled(number: SIGKILL), cause, nil, output, errors, layers))
      }
      let words = errors.text.isEmpty ? output.text : errors.text
      let said = words.trimmingCharacters(in: .whitespacesAndNewlines)
      return .failed(.notStarted(said.isEmpty ? "it ended without a word" : String(said.suffix(500))))
    }
    let limit: ExecutionResult.Cause? =
      switch account.reason {
      case UInt8(ascii: "M"): .memory
      case UInt8(ascii: "P"): .processes
      case UInt8(ascii: "D"): .disk
      case UInt8(ascii: "H"): .home
      default: nil
      }
    return .ended(result(account.ending, limit ?? cause ?? .itself, account, output, errors, layers))
  }

  private func result(
    _ ending: ExecutionResult.Ending, _ cause: ExecutionResult.Cause, _ account: SandboxProcess.Account?,
    _ output: CapturedOutput, _ errors: CapturedOutput, _ layers: [LayerReport]
  ) -> ExecutionResult {
    ExecutionResult(
      ending: ending, cause: cause, standardOutput: output, standardError: errors,
      duration: ContinuousClock.now - begin, processorTime: account?.processorTime ?? .zero,
      mostMemory: account?.mostMemory ?? 0, layers: layers)
  }

  private static func failure(_ mishap: (stage: UInt8, error: Int32), _ command: String) -> SandboxError {
    let reason = SystemError(number: mishap.error).description
    switch mishap.stage {
    case UInt8(ascii: "X"):
      let words =
        mishap.error == ENOENT ? "there is no such program, or nothing that could run it" : reason
      return .commandNotRun(command: command, reason: words)
    case UInt8(ascii: "C"): return .commandNotRun(command: command, reason: "its folder: \(reason)")
    case UInt8(ascii: "L"): return .notStarted("Landlock: \(reason)")
    case UInt8(ascii: "N"): return .notStarted("the proxy: \(reason)")
    case UInt8(ascii: "R"): return .notStarted("the limits: \(reason)")
    default: return .notStarted("the session: \(reason)")
    }
  }
}
