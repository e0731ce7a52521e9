import Foundation
import SecretMemory
import Testing

@testable import Sandbox

/// Goes, and takes a folder with it.
private final class PassingFolder: Sendable {
  let url: URL

  init(_ url: URL) { self.url = url }

  deinit { try? FileManager.default.removeItem(at: url) }
}

/// A folder with an agent's sandbox in it, which is gone afterwards.
final class Ground {
  private let passing: PassingFolder
  var folder: URL { passing.url }
  let agent = UUID()
  var profile: SandboxProfile

  init() throws {
    let name = "osaurus-sandbox-\(UUID().uuidString)"
    let temporary = try #require(realpath(FileManager.default.temporaryDirectory.path, nil))
    defer { free(temporary) }
    let folder = URL(filePath: String(cString: temporary)).appending(path: name)
    passing = PassingFolder(folder)
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    profile = SandboxProfile(places: AgentPlaces(agent: agent, in: folder.appending(path: "sandbox")))
    profile.limits.freeDisk = 1 << 20
  }

  var home: URL { profile.places.homeFolder }

  func launcher() throws -> SandboxLauncher { try SandboxLauncher(profile: profile) }

  func start(
    _ command: [String], _ change: (inout ExecutionRequest) throws -> Void = { _ in }
  ) throws -> CommandSession {
    var request = ExecutionRequest(command)
    try change(&request)
    // The folder stays for as long as the command runs.
    return try CommandSession(request, with: launcher()) { [passing] _, _ in withExtendedLifetime(passing) {}
    }
  }

  func run(
    _ command: [String], _ change: (inout ExecutionRequest) throws -> Void = { _ in }
  ) async throws -> ExecutionResult {
    try await start(command, change).result()
  }

  func shell(
    _ script: String, _ change: (inout ExecutionRequest) throws -> Void = { _ in }
  ) async throws -> ExecutionResult {
    try await run(["sh", "-c", script], change)
  }

  func path(_ text: String) throws -> SandboxPath { try SandboxPath(text, in: profile.reachable) }
}

extension AgentSecret {
  convenience init(name: String, text: String) {
    var bytes = Array(text.utf8)
    self.init(name: name, value: SecretBytes(taking: &bytes))
  }
}
