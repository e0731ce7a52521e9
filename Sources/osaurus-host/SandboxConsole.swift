import Dispatch
import Foundation
import Sandbox
import Synchronization
import UnixSignals

/// This terminal, or these streams, as those of a command in a sandbox.
struct SandboxConsole {
  /// Whether the command has a terminal of its own, which this one stands for.
  let isInteractive: Bool
  /// Whether nothing is shown until the end.
  let isQuiet: Bool

  func run(_ request: ExecutionRequest, with launcher: SandboxLauncher) async throws -> ExecutionResult {
    var request = request
    request.takesInput = !Terminal.inputIsTerminal
    if isInteractive { request.terminal = Self.size }
    let output = OutputPump()
    let session = try CommandSession(request, with: launcher, listener: isQuiet ? nil : output.take)
    output.attach(session)
    let raw = isInteractive ? RawTerminal() : nil
    defer { raw?.restore() }
    let input = isInteractive || request.takesInput ? InputPump(session) : nil
    defer { input?.stop() }
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup, .sigwinch)
    let watch = Task {
      for await signal in signals {
        if signal == .sigwinch {
          session.resize(to: Self.size)
        } else {
          session.terminate()
          // Who reads has a moment for the rest.
          Task {
            await session.wait()
            try? await Task.sleep(for: .seconds(1))
            output.abandon()
          }
        }
      }
    }
    defer { watch.cancel() }
    let result = try await session.result()
    await output.drained()
    return result
  }

  private static var size: ExecutionRequest.TerminalSize {
    let (columns, rows) = Terminal.size
    return ExecutionRequest.TerminalSize(columns: UInt16(clamping: columns), rows: UInt16(clamping: rows))
  }
}

/// A terminal that passes every key on as it is.
private struct RawTerminal {
  private let before: termios

  init?() {
    var now = termios()
    guard tcgetattr(STDIN_FILENO, &now) == 0 else { return nil }
    before = now
    cfmakeraw(&now)
    guard tcsetattr(STDIN_FILENO, TCSADRAIN, &now) == 0 else { return nil }
  }

  func restore() {
    var before = before
    // What was typed for the command, or what the terminal answered to it, is not for the shell that comes next.
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
  }
}

/// Writes what a command says, in its order, from a thread of its own: where nobody reads, the command stands still once there is no more
/// room, and neither its time limit nor Ctrl-C does.
private final class OutputPump: Sendable {
  /// Bytes that may wait.
  private static let mostWaiting = 1 << 20

  private struct State {
    var waiting = 0
    var session: CommandSession?
    var isAbandoned = false
    var drained: CheckedContinuation<Void, Never>?
  }

  private let queue = DispatchQueue(label: "output")
  private let state = Mutex(State())

  func attach(_ session: CommandSession) {
    state.withLock { state in
      state.session = session
      if state.waiting >= Self.mostWaiting { session.holdOutput(true) }
    }
  }

  func take(isError: Bool, _ piece: [UInt8]) {
    state.withLock { state in
      state.waiting += piece.count
      if state.waiting >= Self.mostWaiting { state.session?.holdOutput(true) }
    }
    queue.async { [self] in
      // Where nobody reads any more, the command is not asked to stop: it ends as it would.
      try? (isError ? FileHandle.standardError : .standardOutput).write(contentsOf: Data(piece))
      state.withLock { state in
        state.waiting -= piece.count
        if state.waiting < Self.mostWaiting / 2 { state.session?.holdOutput(false) }
      }
    }
  }

  /// Waits until all is written, or was given up.
  func drained() async {
    await withCheckedContinuation { continuation in
      let isAbandoned = state.withLock { state in
        if !state.isAbandoned { state.drained = continuation }
        return state.isAbandoned
      }
      if isAbandoned { return continuation.resume() }
      queue.async { [self] in state.withLock { $0.drained.take() }?.resume() }
    }
  }

  /// Waits no longer for who reads.
  func abandon() {
    let continuation = state.withLock { state in
      state.isAbandoned = true
      return state.drained.take()
    }
    continuation?.resume()
  }
}

/// Gives a command what comes on standard input, as fast as it reads it.
private final class InputPump: Sendable {
  /// Bytes that may wait for the command before no more are taken.
  private static let mostWaiting = 256 << 10

  private let isStopped = Atomic(false)

  init(_ session: CommandSession) {
    let thread = Thread { [self] in
      while !isStopped.load(ordering: .relaxed), !session.isOver, passOn(to: session) {}
    }
    thread.start()
  }

  func stop() { isStopped.store(true, ordering: .relaxed) }

  /// Passes on what is there, after a moment at most. False when nothing more comes.
  private func passOn(to session: CommandSession) -> Bool {
    let hasRoom = session.waitingInput < Self.mostWaiting
    var awaited = pollfd(fd: hasRoom ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0)
    guard poll(&awaited, 1, hasRoom ? 100 : 5) > 0 else { return true }
    var bytes = [UInt8](repeating: 0, count: 32 << 10)
    let count = read(STDIN_FILENO, &bytes, bytes.count)
    if count > 0 {
      try? session.write(Array(bytes.prefix(count)))
      return true
    }
    if count < 0, errno == EINTR || errno == EAGAIN { return true }
    session.endInput()
    return false
  }
}
