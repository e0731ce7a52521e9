import CIsolation
import Glibc

/// A sandbox that runs: bubblewrap, and the ends of what leads into it. It belongs to one thread, at whose end the kernel kills it.
struct SandboxProcess: ~Copyable {
  /// What the first process inside says.
  enum Word {
    case started
    /// The socket on which the proxy is asked; it is the receiver's to close.
    case proxySocket(Int32)
    case notStarted(stage: UInt8, error: Int32)
    case ended(Account)
    /// It is gone.
    case silence
    /// Nothing is said yet.
    case nothing
  }

  /// How the command ended, as its parent saw it.
  struct Account {
    let ending: ExecutionResult.Ending
    /// The limit that ended it, as one letter, or 0.
    let reason: UInt8
    let processorTime: Duration
    let mostMemory: UInt64
  }

  let process: pid_t
  let pidfd: Descriptor
  let control: Descriptor
  /// The control group that it is all in.
  let group: ControlGroup?
  private var input: Descriptor?
  /// Where to write, while the input is open.
  let inputNumber: Int32
  let output: Descriptor
  let errors: Descriptor
  /// How the layers stood when it was started.
  let layers: [LayerReport]

  init(
    _ started: consuming StartedProcess, control: consuming Descriptor, streams: consuming StandardStreams,
    group: consuming ControlGroup?, layers: [LayerReport]
  ) {
    process = started.number
    pidfd = started.pidfd
    self.control = control
    self.group = group
    inputNumber = streams.inputNumber
    input = streams.input
    output = streams.output
    errors = streams.errors
    self.layers = layers
  }

  /// Ends the input of the command.
  mutating func closeInput() { input = nil }

  /// Asks the first process to send a signal to all others.
  func signalAll(_ number: Int32) {
    var order = UInt8(number)
    send(control.number, &order, 1, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
  }

  /// Kills everything.
  func kill() {
    group?.kill()
    osr_kill(pidfd.number)
  }

  /// Whether the kernel ended something because all of it took too much memory.
  func ranOutOfMemory() -> Bool { group?.ranOutOfMemory() ?? false }

  /// What the first process says now.
  func listen() -> Word {
    var bytes = [UInt8](repeating: 0, count: 64)
    var descriptor: Int32 = -1
    let count = osr_receive(control.number, &bytes, bytes.count, &descriptor)
    if descriptor >= 0 { return .proxySocket(descriptor) }
    if count < 0 { return count == -Int(EAGAIN) || count == -Int(EINTR) ? .nothing : .silence }
    return Self.word(bytes.prefix(count))
  }

  /// Reads a packet: `struct report` of Sources/osaurus-sandbox-init/main.c.
  private static func word(_ packet: ArraySlice<UInt8>) -> Word {
    guard !packet.isEmpty else { return .silence }
    if packet.count == 1 { return packet[0] == UInt8(ascii: "S") ? .started : .silence }
    guard packet.count == 32 else { return .silence }
    return packet.withUnsafeBytes { bytes in
      let code = bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self)
      if bytes[0] == UInt8(ascii: "F") { return .notStarted(stage: bytes[2], error: code) }
      let signal = bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self)
      return .ended(
        Account(
          ending: signal == 0 ? .exited(code: code) : .signalled(number: signal), reason: bytes[1],
          processorTime: .microseconds(
            Int64(clamping: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))),
          mostMemory: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)))
    }
  }
}
