import Foundation
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A relay as it is built, in a process of its own on this machine, that can be killed and started again at the same port.
final class RelayProcess: Sendable {
  struct Failed: Error {
    let said: String
  }

  let port: Int
  private let process: Mutex<Process>

  /// Starts one at a port that nobody has, of those that no connection of this machine takes for its own end meanwhile.
  init() throws {
    for _ in 0..<50 {
      let port = Int.random(in: 12_000..<32_000)
      if let process = try Self.start(port) {
        self.port = port
        self.process = Mutex(process)
        return
      }
    }
    throw Failed(said: "no port was free")
  }

  deinit { kill() }

  var url: String { "ws://127.0.0.1:\(port)" }

  /// Ends it at once, as a crash does.
  func kill() {
    process.withLock { process in
      guard process.isRunning else { return }
      // Not by `terminate`, which lets it end well.
      _ = Glibc.kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }

  func restart() throws {
    kill()
    guard let process = try Self.start(port) else { throw Failed(said: "it did not start again") }
    self.process.withLock { $0 = process }
  }

  /// - Returns: nil where it ended before it listened.
  private static func start(_ port: Int) throws -> Process? {
    let process = Process()
    process.executableURL = URL(
      filePath: try Program.executable.removingLastComponent().appending("osaurus-relay").string)
    process.arguments = [
      "serve", "--domain", "127.0.0.1", "--port", "\(port)", "--json",
      "--limit", "connects-per-minute=10000", "--limit", "requests-per-minute=1000000",
      "--limit", "connections-per-source=1000",
    ]
    let said = Pipe()
    (process.standardInput, process.standardOutput, process.standardError) = (
      FileHandle.nullDevice, said, FileHandle.nullDevice
    )
    try process.run()
    // One line, once it listens; nothing, if it ends.
    guard !said.fileHandleForReading.availableData.isEmpty else {
      process.waitUntilExit()
      return nil
    }
    return process
  }
}
