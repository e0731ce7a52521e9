import Foundation
import Synchronization
import Testing

@testable import Sandbox

/// What people run: curl, git, pip and npm, through the proxy and the tools, against a server of the test's own.
@Suite("Real programs in a sandbox with hosts listed", .serialized, .timeLimit(.minutes(10)))
struct RealProgramTests {
  @Test("curl reaches what is listed, over TLS from end to end, and nothing else, whatever it is told")
  func curl() async throws {
    let server = try PackageServer()
    let ground = try Ground()
    try server.open(&ground.profile)
    let notes = Notes()
    ground.profile.onConnection = notes.add
    let result = try await ground.shell(
      """
      get() { curl -s -o /dev/null --max-time 60 --cacert authority.pem "$@" || echo "refused $?"; }
      curl -sS --cacert authority.pem \(server.address)/page
      get https://other.test.example:\(server.port)/page
      get https://127.0.0.1:\(server.port)/page
      get --noproxy '*' \(server.address)/page
      get --noproxy '*' https://127.0.0.1:\(server.port)/page
      get --resolve \(PackageServer.name):\(server.port):127.0.0.1 --noproxy '*' \(server.address)/page
      curl -sS -o /dev/null \(server.address)/page 2>/dev/null || echo "not trusted $?"
      """
    ) { $0.timeLimit = .seconds(120) }
    #expect(
      result.standardOutput.text
        == "hello\nrefused 56\nrefused 56\nrefused 6\nrefused 7\nrefused 7\nnot trusted 60\n")
    // Each is noted when it is over, in whatever order.
    #expect(notes.outcomes == ["connected", "connected", "malformed", "not_listed"])
  }

  @Test("pip installs a package into the home, from the index that is listed")
  func pip() async throws {
    let server = try PackageServer()
    let ground = try ToolGround(change: { try server.open(&$0) })
    let installed = try await ground.result(
      "sandbox_install", ["manager": "pip", "packages": [.string(PackageServer.package)]])
    #expect(installed["exit_code"] == 0)
    #expect(installed["installed"] == [.string(PackageServer.package)])
    let used = try await ground.result(
      "sandbox_exec", ["argv": ["python3", "-c", "import osaurus_trial; print(osaurus_trial.answer)"]])
    #expect(used["stdout"] == "out of the wheel\n")
    let absent = try await ground.failure(
      "sandbox_install", ["manager": "pip", "packages": ["osaurus-absent"]])
    #expect(absent.kind == .executionError)
    #expect(absent.metadata["summary"].map { "\($0)" }?.contains("osaurus-absent") == true)
  }

  @Test("npm installs a package into the home, from the registry that is listed")
  func npm() async throws {
    let server = try PackageServer()
    let ground = try ToolGround(change: { try server.open(&$0) })
    let installed = try await ground.result(
      "sandbox_install", ["manager": "npm", "packages": [.string(PackageServer.package)]])
    #expect(installed["exit_code"] == 0)
    let used = try await ground.result(
      "sandbox_exec", ["argv": ["node", "-p", "require('osaurus-trial')"]])
    #expect(used["stdout"] == "out of the package\n")
    let absent = try await ground.failure(
      "sandbox_install", ["manager": "npm", "packages": ["osaurus-absent"]])
    #expect(absent.kind == .executionError)
  }
}

/// What became of each connection.
final class Notes: Sendable {
  private let records = Mutex<[EgressRecord]>([])

  var add: @Sendable (EgressRecord) -> Void { { record in self.records.withLock { $0.append(record) } } }
  var outcomes: [String] { records.withLock { $0.map(\.outcome.rawValue).sorted() } }
}
