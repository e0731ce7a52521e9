import AsyncHTTPClient
import Foundation
import Glibc

@testable import Inference

/// The real runtime, installed once for all tests of this machine in a cache folder of the user's own.
enum TestRuntime {
  static let folder: URL = {
    let environment = ProcessInfo.processInfo.environment
    if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") {
      return URL(filePath: cache).appending(path: "osaurus-host-test/runtime")
    }
    return URL(filePath: "/tmp/osaurus-host-test-runtime-\(getuid())/runtime")
  }()

  private static let installation = Task {
    let client = HTTPClient.forModels()
    var settings = ManagedRuntime.Settings()
    settings.prefersProgram = false
    do {
      try await ManagedRuntime(folder: folder, client: client, settings: settings).install()
    } catch {
      try? await client.shutdown()
      throw error
    }
    try await client.shutdown()
  }

  /// Runs `body` with a runtime that is installed, and stops it.
  static func with<R: Sendable>(
    idleLimit: Duration = .seconds(600),
    _ body: (ManagedRuntime) async throws -> R
  ) async throws -> R {
    try await installation.value
    let client = HTTPClient.forModels()
    var settings = ManagedRuntime.Settings()
    settings.prefersProgram = false
    settings.idleLimit = idleLimit
    let runtime = ManagedRuntime(folder: folder, client: client, settings: settings)
    do {
      let result = try await body(runtime)
      await runtime.shutdown()
      try await client.shutdown()
      return result
    } catch {
      await runtime.shutdown()
      try? await client.shutdown()
      throw error
    }
  }
}

/// Processes by the kernel's word.
enum Processes {
  /// Those of a process group that have not ended.
  static func inGroup(_ group: pid_t) -> [pid_t] {
    all().filter { $0.group == group && $0.state != "Z" }.map(\.id)
  }

  static func children(of parent: pid_t) -> [pid_t] {
    all().filter { $0.parent == parent && $0.state != "Z" }.map(\.id)
  }

  private static func all() -> [(id: pid_t, state: Substring, parent: pid_t, group: pid_t)] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { name in
      guard let id = pid_t(name), let text = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
        let end = text.lastIndex(of: ")")
      else { return nil }
      let fields = text[text.index(after: end)...].split(separator: " ")
      guard fields.count > 3, let parent = pid_t(fields[1]), let group = pid_t(fields[2]) else { return nil }
      return (id, fields[0], parent, group)
    }
  }
}
