/// How a command in a sandbox ended, and what it said.
public struct ExecutionResult: Sendable {
  /// How its process ended.
  public enum Ending: Hashable, Sendable {
    case exited(code: Int32)
    case signalled(number: Int32)
  }

  /// Who ended it.
  public enum Cause: String, Codable, Sendable {
    /// It ended by itself.
    case itself
    case timeLimit = "time_limit"
    /// Somebody asked for it.
    case request
    case memory, processes, disk, output
    /// Its home took more than it may.
    case home
    /// The service stopped.
    case service
  }

  public let ending: Ending
  public let cause: Cause
  public let standardOutput: CapturedOutput
  /// Empty on a terminal.
  public let standardError: CapturedOutput
  public let duration: Duration
  /// The processor time of the command and of those that it waited for.
  public let processorTime: Duration
  /// The most memory that one process had at a time, in bytes.
  public let mostMemory: UInt64
  /// What stood between the command and the machine.
  public let layers: [LayerReport]

  /// What a shell would say: the exit code, or 128 and the signal.
  public var status: Int32 {
    switch ending {
    case .exited(let code): code
    case .signalled(let number): 128 + number
    }
  }

  /// The layers that were not whole.
  public var weaknesses: [LayerReport] { layers.filter { $0.state == .waived || $0.state == .missing } }
}

/// What is kept of a stream: its beginning and its end.
public struct CapturedOutput: Hashable, Sendable {
  /// The beginning, or everything where nothing was dropped.
  public let head: [UInt8]
  /// The end, where something was dropped.
  public let tail: [UInt8]
  /// How many bytes are missing between them.
  public let dropped: Int

  /// As text, with a line where something is missing.
  public var text: String {
    let beginning = String(decoding: head, as: UTF8.self)
    guard dropped > 0 else { return beginning + String(decoding: tail, as: UTF8.self) }
    return "\(beginning)\n... [\(dropped) bytes omitted] ...\n\(String(decoding: tail, as: UTF8.self))"
  }

  /// Every byte that is kept.
  public var bytes: [UInt8] { head + tail }
}
