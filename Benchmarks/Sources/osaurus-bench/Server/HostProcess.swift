import Foundation
import Identity

/// A real host of its own: the built command, in a folder that goes with it.
final class HostProcess {
  let url: String
  let agent: Address
  let key: String
  /// From `exec` to the line that says that it is ready.
  let startUp: Duration

  private let process: Process
  private let home: URL
  private let command: Command

  /// - Parameter program: the path of `osaurus-host`.
  init(program: String, modelURL: String) throws {
    let home = URL(filePath: "/tmp/osaurus-bench-\(UUID().uuidString)")
    var environment = ProcessInfo.processInfo.environment
    environment["OSAURUS_HOME"] = home.path
    environment["OSAURUS_MODEL_URL"] = modelURL
    environment["OSAURUS_DETECT_LOCAL_SERVERS"] = "false"
    environment["OSAURUS_HANDSHAKES_PER_MINUTE"] = "100000000"
    environment["OSAURUS_PAIRINGS_PER_MINUTE"] = "100000000"
    environment["OSAURUS_ASK_ON_DESKTOP"] = "false"
    environment["OSAURUS_MAX_CONNECTIONS"] = "4000"
    environment["OSAURUS_MAX_CONNECTIONS_PER_NETWORK"] = "4000"
    environment["OSAURUS_MAX_ANSWERS"] = "4000"
    environment["OSAURUS_LOG_LEVEL"] = "error"

    let command = Command(program: program, environment: environment)
    _ = try command("init", "--non-interactive", "--keystore", "file", "--json")
    let agent = try command("agent", "create", "Ada", "--json")
    guard let text = agent["address"] as? String, let address = Address(ignoringChecksum: text),
      let key = try command("key", "create", "--json")["key"] as? String
    else { throw Failure(text: "no agent or no key") }

    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = ["serve", "--port", "0"]
    process.environment = environment
    let messages = Pipe()
    process.standardError = messages
    let clock = ContinuousClock()
    let begun = clock.now
    try process.run()
    var said = ""
    while !said.contains("ready at "), case let data = messages.fileHandleForReading.availableData,
      !data.isEmpty
    {
      said += String(decoding: data, as: UTF8.self)
    }
    startUp = begun.duration(to: clock.now)
    guard let range = said.range(of: "ready at ") else { throw Failure(text: "it did not start: \(said)") }
    url = String(said[range.upperBound...].prefix { $0 != "\n" }.trimmingSuffix("."))
    self.agent = address
    self.key = key
    self.process = process
    self.home = home
    self.command = command
  }

  struct Failure: Error {
    let text: String
  }

  /// Has the agent reached through a relay.
  /// - Returns: Its URL there.
  func up(at relay: String) throws -> String {
    let row = try command("relay", "up", "--url", relay, "Ada", "--json")
    guard let agent = (row["agents"] as? [[String: Any]])?.first, agent["state"] as? String == "up",
      let url = agent["url"] as? String
    else { throw Failure(text: "it is not reached through the relay: \(row)") }
    return url
  }

  /// What a command of the program's prints, in this host's home.
  func output(_ arguments: String...) throws -> String {
    String(decoding: try command.output(of: arguments), as: UTF8.self)
  }

  /// A command of the program's that prints one object.
  private struct Command {
    let program: String
    let environment: [String: String]

    func callAsFunction(_ arguments: String...) throws -> [String: Any] {
      guard let object = try JSONSerialization.jsonObject(with: try output(of: arguments)) as? [String: Any]
      else { throw Failure(text: "\(arguments) printed no object") }
      return object
    }

    func output(of arguments: [String]) throws -> Data {
      let command = Process()
      command.executableURL = URL(filePath: program)
      command.arguments = arguments
      command.environment = environment
      command.standardError = FileHandle.nullDevice
      let output = Pipe()
      command.standardOutput = output
      try command.run()
      let data = output.fileHandleForReading.readDataToEndOfFile()
      command.waitUntilExit()
      guard command.terminationStatus == 0 else { throw Failure(text: "\(arguments) failed") }
      return data
    }
  }

  /// Memory that is really there, in MiB.
  var residentMemory: Double { process.residentMemory }

  var controlSocket: String { home.appending(path: "run/control.sock").path }

  func stop() {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: home)
  }
}

extension Process {
  /// Memory that is really there, in MiB.
  var residentMemory: Double {
    let status = FileHandle(forReadingAtPath: "/proc/\(processIdentifier)/status")
    let text = String(decoding: (try? status?.readToEnd()) ?? Data(), as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return (line.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
  }
}

extension Substring {
  fileprivate func trimmingSuffix(_ suffix: Substring) -> Substring {
    hasSuffix(suffix) ? dropLast(suffix.count) : self
  }
}
