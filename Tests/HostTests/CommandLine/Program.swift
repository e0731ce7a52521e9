import Foundation
import Identity
import Subprocess
import SystemPackage
import Testing

@testable import Host

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The program itself, run as a person or a script runs it, in a home of its own.
struct Program: Sendable {
  /// `OSAURUS_HOME`.
  let home: String
  /// More of the environment.
  var environment: [String: String] = [:]

  /// The program, built beside the tests.
  static var executable: FilePath {
    get throws {
      let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      return FilePath(URL(filePath: tests).deletingLastPathComponent().appending(path: "osaurus-host").path)
    }
  }

  /// How it ended and what it said.
  struct Outcome: Sendable {
    let status: Int32
    let output: String
    let errors: String

    var json: [String: Any] { parsed as? [String: Any] ?? [:] }
    var list: [[String: Any]] { parsed as? [[String: Any]] ?? [] }
    /// The name of the error that was printed as JSON.
    var code: String? { json["error"] as? String }

    private var parsed: Any? { try? JSONSerialization.jsonObject(with: Data(output.utf8)) }
  }

  /// Runs `body` with a program in a home that is gone afterwards.
  @discardableResult
  static func run<R: Sendable>(
    isMade: Bool = true, environment: [String: String] = [:], _ body: (Program) async throws -> R
  ) async throws -> R {
    let home = TemporaryHome()
    let program = Program(home: home.path, environment: environment)
    if isMade {
      let made = try await program("init", "--non-interactive", "--json", "--keystore", "file")
      try #require(made.status == 0)
    }
    let result = try await body(program)
    withExtendedLifetime(home) {}
    return result
  }

  /// Runs a command to its end.
  func callAsFunction(_ arguments: String..., input: String = "") async throws -> Outcome {
    try await run(arguments, input: input)
  }

  func run(_ arguments: [String], input: String = "") async throws -> Outcome {
    let result = try await Subprocess.run(
      .path(try Self.executable), arguments: Arguments(arguments), environment: variables,
      input: .string(input), output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    guard case .exited(let status) = result.terminationStatus else {
      return Outcome(status: -1, output: result.standardOutput, errors: result.standardError)
    }
    return Outcome(status: status, output: result.standardOutput, errors: result.standardError)
  }

  /// A service while it runs.
  struct Service: Sendable {
    let process: pid_t
    let port: Int
    var url: String { "http://127.0.0.1:\(port)" }
  }

  /// How a service ended.
  struct Ending<R: Sendable>: Sendable {
    let result: R
    /// Its exit status, or the negated number of the signal that ended it.
    let status: Int32
    let log: String
  }

  struct NeverReady: Error {
    let log: String
  }

  /// Runs `serve` on a free port while `body` does, and tells it to stop then.
  @discardableResult
  func serve<R: Sendable>(
    stop signal: CInt = SIGTERM, _ body: (Service) async throws -> R
  ) async throws -> Ending<R> {
    let ended = try await Subprocess.run(
      .path(try Self.executable), arguments: ["serve", "--port", "0"], environment: variables, input: .none,
      output: .discarded, error: .sequence
    ) { execution in
      let (process, lines) = (execution.processIdentifier.value, execution.standardError.strings())
      let port = Signal<Int>()
      async let log: String = {
        var log = ""
        for try await line in lines {
          log += line + "\n"
          if let ready = line.firstMatch(of: /ready at http:\/\/127\.0\.0\.1:([0-9]+)/) {
            port.fulfil(.success(Int(ready.1) ?? 0))
          }
        }
        port.fulfil(.failure(NeverReady(log: log)))
        return log
      }()
      do {
        let result = try await body(Service(process: process, port: try await port.value()))
        kill(process, signal)
        return (result, try await log)
      } catch {
        kill(process, SIGKILL)
        throw error
      }
    }
    let status: Int32 =
      switch ended.terminationStatus {
      case .exited(let code): code
      case .signaled(let number): -number
      }
    return Ending(result: ended.closureResult.0, status: status, log: ended.closureResult.1)
  }

  /// The whole environment.
  func variables(_ more: [String: String] = [:]) -> [String: String] {
    let own = [
      "OSAURUS_HOME": home, "HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
      "OSAURUS_DETECT_LOCAL_SERVERS": "false", "OSAURUS_HANDSHAKES_PER_MINUTE": "100000",
    ]
    return own.merging(environment) { $1 }.merging(more) { $1 }
  }

  private var variables: Environment {
    .custom(
      variables().reduce(into: [:]) { all, variable in
        all[Environment.Key(stringLiteral: variable.key)] = variable.value
      })
  }

  // MARK: What lies on disk

  var controlSocket: String { home + "/run/control.sock" }

  /// Every file below the home with its bytes.
  func files() throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: home) {
      let path = home + "/" + name
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      guard attributes[.type] as? FileAttributeType == .typeRegular else { continue }
      files[name] = try Data(contentsOf: URL(filePath: path))
    }
    return files
  }

  /// The files that hold any of these texts, as they are, in base64 or in hexadecimal digits.
  func files(holding secrets: [String]) throws -> [String] {
    var needles: [Data] = []
    for secret in secrets {
      let bytes = Data(secret.utf8)
      // The last group of base64 depends on what follows.
      let base64 = bytes.base64EncodedString().prefix(bytes.count / 3 * 4)
      needles += [bytes, Data(base64.utf8), Data(Hex.encode(Array(bytes)))]
    }
    return try files().filter { [needles] file in needles.contains { file.value.firstRange(of: $0) != nil } }
      .map(\.key)
  }
}
