import ForeignText
import Foundation
import Subprocess
import Synchronization
import SystemPackage

/// A running launcher with its engine. It is ended when this value goes.
final class RuntimeProcess: Sendable {
  /// The process of the launcher, which is also its process group.
  let processID: pid_t
  /// The loopback port that the engine listens at.
  let port: UInt16
  private let task: Task<Void, Never>

  private struct Report: Sendable {
    var processID: pid_t
    var port: UInt16
  }

  private init(_ report: Report, _ task: Task<Void, Never>) {
    self.processID = report.processID
    self.port = report.port
    self.task = task
  }

  deinit { task.cancel() }

  /// Starts the launcher and waits for its port.
  ///
  /// - Parameters:
  ///   - patience: how long the model may take to load.
  ///   - whenOver: runs once the process has ended, for whatever reason.
  /// - Throws: `InferenceError.runtimeFailed` with the engine's last words.
  static func start(
    python: Python, folder: RuntimeFolder, order: RuntimeOrder, patience: Duration,
    whenOver: @escaping @Sendable () -> Void
  ) async throws -> RuntimeProcess {
    let reports = Handoff<Report>(capacity: 2)
    let task = Task {
      let reason = await run(python: python, folder: folder, order: order, reports: reports)
      reports.finish(throwing: InferenceError.runtimeFailed(reason: reason))
      whenOver()
    }
    do {
      let report = try await Silence.limit(patience) { _ in try await reports.next() }
      guard let report else { throw InferenceError.runtimeFailed(reason: "it ended at once") }
      return RuntimeProcess(report, task)
    } catch {
      task.cancel()
      await task.value
      if error is Silence.TooLong {
        throw InferenceError.runtimeFailed(reason: "the model took too long to load")
      }
      throw error
    }
  }

  /// Ends it: asked first, killed after 2 seconds. Returns when it has ended.
  func stop() async {
    task.cancel()
    await task.value
  }

  /// Runs the launcher to its end and says why it ended.
  private static func run(
    python: Python, folder: RuntimeFolder, order: RuntimeOrder, reports: Handoff<Report>
  ) async -> String {
    var platform = PlatformOptions()
    platform.processGroupID = 0
    platform.teardownSequence = [
      .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(2))
    ]
    do {
      let line = try JSONText.bytes(order) + Data("\n".utf8)
      let result = try await Subprocess.run(
        .path(FilePath(python.path)), arguments: ["-I", "-B", folder.launcher.path],
        environment: .custom([
          "PATH": "/usr/bin:/bin", "HOME": folder.url.path, "LANG": "C.UTF-8",
        ]),
        workingDirectory: FilePath(folder.url.path), platformOptions: platform,
        input: .inputWriter, output: .sequence, error: .sequence
      ) { execution in
        _ = try await execution.standardInputWriter.write(Array(line))
        let processID = execution.processIdentifier.value
        async let lastWords = tail(of: execution.standardError)
        for try await text in execution.standardOutput.strings() {
          guard text.hasPrefix("port "), let port = UInt16(text.dropFirst(5)) else { continue }
          try await reports.send(Report(processID: processID, port: port))
        }
        return await lastWords
      }
      return result.closureResult.lastLine ?? "it ended (\(result.terminationStatus))"
    } catch {
      return ForeignText.oneLine("\(error)", limit: 300)
    }
  }

  private static func tail(of output: SubprocessOutputSequence) async -> OutputTail {
    var tail = OutputTail()
    do {
      for try await buffer in output { buffer.withUnsafeBytes { tail.append($0) } }
    } catch {
      // The process is being ended; what it said until then is what there is.
    }
    return tail
  }
}
