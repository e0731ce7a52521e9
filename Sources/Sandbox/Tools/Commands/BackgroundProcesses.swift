import CIsolation
import Glibc
import Synchronization

/// A process that runs in the background, or did.
struct BackgroundProcess: Sendable {
  /// A number that stands for it, for this agent alone; it is no number of the kernel's.
  let pid: String
  let session: CommandSession
  let log: BackgroundLog
}

/// The log of a process in the background: what it says, in the order in which it came, up to a size, with secrets hidden.
final class BackgroundLog: Sendable {
  static let most = 8 << 20

  /// Inside the sandbox.
  let path: String
  private let file: Descriptor
  private let written = Mutex(0)

  init(_ path: SandboxPath, in place: borrowing SandboxFolder) throws(SandboxError) {
    self.path = path.text
    file = try place.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOCTTY, mode: 0o600)
  }

  func append(_ piece: [UInt8]) {
    written.withLock { written in
      guard written < Self.most else { return }
      let part = Array(piece.prefix(Self.most - written))
      written += part.count
      try? file.writeAll(part)
      if written == Self.most {
        try? file.writeAll(Array("\n[The log ends here; it is as long as may be.]\n".utf8))
      }
    }
  }

  /// The last lines. They are read from the open file, whatever has its name now.
  func tail(_ lines: Int) -> String {
    var status = stat()
    guard fstat(file.number, &status) == 0 else { return "" }
    let length = min(Int(status.st_size), 256 << 10)
    var bytes = [UInt8](repeating: 0, count: length)
    let count = pread(file.number, &bytes, length, off_t(Int(status.st_size) - length))
    guard count > 0 else { return "" }
    let newline = UInt8(ascii: "\n")
    var rows = bytes.prefix(count).split(separator: newline, omittingEmptySubsequences: false)
    if rows.last?.isEmpty == true { rows.removeLast() }
    let text = rows.suffix(lines).map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    return ToolText.capped(text, at: ToolText.Limit.standardError, hint: "read the log file").text
  }
}

/// The processes that an agent has in the background.
actor BackgroundProcesses {
  /// How many are known, with those that have ended.
  static let most = 32

  private var processes: [BackgroundProcess] = []
  private var latest = 0
  /// Those whose end the audit is still to be told of.
  private var settling: [Int: Task<Void, Never>] = [:]

  func start(_ command: ToolCommand, at bench: ToolBench) async throws -> BackgroundProcess {
    while processes.count >= Self.most {
      guard let oldest = processes.firstIndex(where: { $0.session.isOver }) else {
        throw ToolFailure(
          .unavailable, "\(Self.most) processes run in the background, which is as many as may.")
      }
      processes.remove(at: oldest)
    }
    let name = "bg-\(CommandSessionID().description.prefix(8)).log"
    let path = try bench.files.path(name, field: "background")
    let place = try bench.files.writablePlace(of: path)
    let log = try BackgroundLog(path, in: place)
    let started: StartedCommand
    do {
      started = try await bench.start(command) { _, piece in log.append(piece) }
    } catch {
      try? place.parent(of: path).remove()
      throw error
    }
    latest += 1
    let number = latest
    let process = BackgroundProcess(pid: "\(number)", session: started.session, log: log)
    processes.append(process)
    settling[number] = Task {
      _ = try? await bench.settled(started, command)
      settling[number] = nil
    }
    return process
  }

  /// Waits until the audit was told of everything that has ended.
  func settle() async {
    for task in settling.values.map(\.self) { await task.value }
  }

  func process(_ pid: String) throws(ToolFailure) -> BackgroundProcess {
    guard let process = processes.first(where: { $0.pid == pid }) else {
      throw ToolFailure(
        .notFound, "There is no process in the background with that number.", field: "pid",
        expected: processes.isEmpty
          ? "the pid of a command that was started with background"
          : "one of \(processes.map { "`\($0.pid)`" }.joined(separator: ", "))")
    }
    return process
  }
}
