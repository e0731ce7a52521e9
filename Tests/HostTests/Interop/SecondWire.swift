import Foundation
import Subprocess
import SystemPackage

#if canImport(Glibc)
  import Glibc
#endif

/// The second implementation of the wire (Tests/Interop): a program on other libraries, which shares no line with ours.
enum SecondWire {
  private static let repository = (0..<4).reduce(URL(filePath: #filePath)) { file, _ in
    file.deletingLastPathComponent()
  }
  private static let packages = repository.appending(path: ".build/interop/packages").path
  static let vectors = repository.appending(path: "Tests/Fixtures/vectors/osaurus-v1.json").path

  /// Whether it was installed, by Tests/Interop/install. Where everything has to be shown, what cannot be shown fails.
  static let isInstalled =
    FileManager.default.fileExists(atPath: packages)
    || ProcessInfo.processInfo.environment["CI"] == "true"

  /// What Python needs to find a program of Tests/Interop and what it stands on.
  static let environment = [
    "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": repository.appending(path: "Tests/Interop").path + ":" + packages,
  ]

  /// How it ended, and the objects that it printed.
  struct Outcome: Sendable, CustomStringConvertible {
    let status: Int32
    let output: String
    let errors: String

    var lines: [[String: Any]] {
      output.split(separator: "\n").compactMap {
        try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
    }
    var last: [String: Any] { lines.last ?? [:] }
    var description: String { "\(status): \(output)\(errors)" }
  }

  /// Runs a command to its end.
  static func run(_ arguments: String..., input: String = "") async throws -> Outcome {
    try await run(arguments, input: input)
  }

  /// Runs a command of a program of Tests/Interop to its end.
  static func run(
    _ arguments: [String], of program: String = "osaurus_wire", input: String = ""
  ) async throws -> Outcome {
    let result = try await Subprocess.run(
      .path("/usr/bin/python3"), arguments: Arguments(["-m", program] + arguments),
      environment: .custom(
        environment.reduce(into: [:]) { all, variable in
          all[Environment.Key(stringLiteral: variable.key)] = variable.value
        }),
      input: .string(input), output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    let status: Int32 = if case .exited(let code) = result.terminationStatus { code } else { -1 }
    return Outcome(status: status, output: result.standardOutput, errors: result.standardError)
  }

  /// A host of its own, while it runs.
  struct Host: Sendable, Decodable {
    let url: String
    let agentId: String
    let address: String
    /// The link of an invite of its agent.
    let invite: String
  }

  struct NeverReady: Error {}

  /// Runs a host that behaves in this manner while `body` does.
  static func host<R: Sendable>(_ manner: String, _ body: (Host) async throws -> R) async throws -> R {
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/python3")
    process.arguments = ["-m", "osaurus_wire", "host", manner]
    process.environment = environment
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    defer {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    let said = output.fileHandleForReading.availableData
    guard let host = try? JSONDecoder().decode(Host.self, from: said) else { throw NeverReady() }
    let result = try await body(host)
    withExtendedLifetime(input) {}
    return result
  }
}
