import Subprocess
import Synchronization
import SystemPackage
import Testing

@testable import Inference

/// A program run for a test.
enum TestProgram {
  /// What it prints; the test fails if it fails.
  static func run(_ path: String, _ arguments: [String]) async throws -> String {
    let result = try await Subprocess.run(
      .path(FilePath(path)), arguments: Arguments(arguments), output: .string(limit: 1 << 20),
      error: .discarded)
    try #require(result.terminationStatus.isSuccess)
    return result.standardOutput
  }
}

/// The steps that an installation reported.
final class Steps: Sendable {
  private let steps = Mutex<[InstallProgress]>([])
  func add(_ step: InstallProgress) { steps.withLock { $0.append(step) } }
  var all: [InstallProgress] { steps.withLock { $0 } }
}
