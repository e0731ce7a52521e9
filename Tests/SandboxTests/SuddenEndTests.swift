import Foundation
import Testing

@testable import Sandbox

@Suite("When whoever started commands dies")
struct SuddenEndTests {
  @Test("by kill -9, every command dies with it, in whatever session it is")
  func killed() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "osaurus-sudden-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let places = AgentPlaces(agent: UUID(), in: URL(filePath: path).appending(path: "sandbox"))
      let inner = "trap '' TERM HUP INT; echo held > /workspace/shared/held; while :; do sleep 1; done"
      let script = "setsid flock /workspace/shared/lock sh -c \"\(inner)\" & sleep 60"
      let session = try CommandSession(
        ExecutionRequest(["sh", "-c", script]), with: SandboxLauncher(profile: SandboxProfile(places: places))
      )
      try await eventually { FileManager.default.fileExists(atPath: "\(path)/sandbox/shared/held") }
      withExtendedLifetime(session) { _ = kill(getpid(), SIGKILL) }
    }
    // The lock is held for as long as one of them lives.
    let lock = open("\(path)/sandbox/shared/lock", O_RDONLY)
    #expect(lock >= 0)
    defer { close(lock) }
    try await eventually { flock(lock, LOCK_EX | LOCK_NB) == 0 }
  }
}
