import Glibc
import Subprocess
import SystemPackage

/// A Python on this machine.
struct Python: Sendable, Hashable {
  /// The interpreter itself: not a shim, which would need the environment of its installer.
  let path: String

  /// The first Python of 3.10 or later on PATH or in /usr/bin, with pip where that is needed.
  ///
  /// - Throws: `InferenceError.pythonMissing`.
  static func find(
    withPip: Bool, environment: [String: String], systemFolders: [String] = ["/usr/bin"]
  ) async throws -> Python {
    for candidate in Program.candidates("python3", environment: environment, systemFolders: systemFolders) {
      let probe =
        "import sys\nif sys.version_info < (3, 10): sys.exit(1)\n"
        + (withPip ? "import pip\n" : "") + "print(sys.executable)"
      let result = try? await Subprocess.run(
        .path(FilePath(candidate)), arguments: ["-c", probe], environment: .inherit,
        output: .string(limit: 4096), error: .discarded)
      try Task.checkCancellation()
      guard let result, result.terminationStatus.isSuccess else { continue }
      let path = result.standardOutput.split(separator: "\n").first.map(String.init) ?? ""
      if path.hasPrefix("/") { return Python(path: path) }
    }
    throw InferenceError.pythonMissing
  }
}

/// Programs by their names.
enum Program {
  /// Every executable of that name on PATH, then the system's own.
  static func candidates(
    _ name: String, environment: [String: String], systemFolders: [String] = ["/usr/bin"]
  ) -> [String] {
    let folders = (environment["PATH"] ?? "").split(separator: ":").map(String.init) + systemFolders
    var seen: Set<String> = []
    return folders.filter { $0.hasPrefix("/") && seen.insert($0).inserted }
      .map { "\($0)/\(name)" }
      .filter { isExecutable($0) }
  }

  private static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }
}
