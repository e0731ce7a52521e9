/// How much one command may take.
public struct ResourceLimits: Codable, Hashable, Sendable {
  /// Bytes of memory, of each process and of all together.
  public var memory: UInt64 = 2 << 30
  /// Processes and threads at a time.
  public var processes: UInt64 = 512
  /// Open files of one process.
  public var openFiles: UInt64 = 1024
  /// Bytes of one file.
  public var fileSize: UInt64 = 4 << 30
  /// Bytes in `/tmp`, and as many again in `/dev/shm`.
  public var temporaryFiles: UInt64 = 512 << 20
  /// Seconds of processor time of one process; nil is as long as the command may run.
  public var processorSeconds: UInt64?
  /// Processors' worth of time that all processes may take together, where a control group can limit that; nil is all.
  public var processors: Double?
  /// Bytes of output after which the command is ended.
  public var output: Int = 256 << 20
  /// Bytes that stay free on the disk with the agent's home.
  public var freeDisk: UInt64 = 512 << 20

  /// Bytes that the agent's home may take on the disk; nil is as many as there are.
  public var home: UInt64? = 10 << 30

  public init() {}
}

extension ResourceLimits {
  /// As the kernel names them (getrlimit(2), the same on the machines that this is built for).
  enum Resource: UInt32 {
    case processorTime = 0
    case fileSize = 1
    case data = 2
    case coreDump = 4
    case processes = 6
    case openFiles = 7
    case lockedMemory = 8
    case waitingSignals = 11
    case messageQueues = 12
    case priority = 13
    case realtime = 14
  }

  /// What is set for every process inside.
  func resources(deadlineSeconds: UInt64) -> [(Resource, UInt64)] {
    [
      (.processorTime, max(1, processorSeconds ?? deadlineSeconds + 5)), (.fileSize, fileSize),
      (.data, memory),
      (.coreDump, 0), (.processes, processes), (.openFiles, openFiles), (.lockedMemory, 8 << 20),
      (.waitingSignals, 1024), (.messageQueues, 800 << 10), (.priority, 0), (.realtime, 0),
    ]
  }
}
