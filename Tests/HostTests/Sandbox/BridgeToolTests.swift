import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Keyring
import Logging
import NIOCore
import Sandbox
import Storage
import Stores
import Synchronization
import Testing

@testable import Host

@Suite("Tools that code in sandboxes calls")
struct BridgeToolTests {
  /// Gives back what it was called with, once it is let.
  private final class Echo: SandboxToolbox {
    let calls = Mutex<[String]>([])
    let started = Signal<Void>()
    let gate = Signal<Void>()

    func call(_ tool: String, arguments: Data, by execution: SandboxExecution) async throws -> Data? {
      guard tool != "gone" else { return nil }
      calls.withLock { $0.append("\(tool) \(String(decoding: arguments, as: UTF8.self))") }
      if tool == "slow" {
        started.fulfil(.success(()))
        try await gate.value()
      }
      return Data(#"{"ok":true}"#.utf8)
    }
  }

  /// A bridge without a socket.
  private struct Ground {
    let toolbox = Echo()
    let sandboxes: AgentSandboxes
    let door: BridgeDoor
    let agent = UUID()

    init() {
      let database = StoreDatabase(.failure(.wrongKey(database: "host.sqlite")))
      sandboxes = AgentSandboxes(
        folders: HostFolders(home: URL(filePath: "/nowhere")), secrets: AgentSecretStore(database),
        config: SandboxConfigStore(database), settings: SandboxSettingsStore(database),
        desk: PermissionDesk(judgingIn: URL(filePath: "/nowhere")) { _ in .safe },
        audit: AuditLog(
          AuditStore(
            database, host: UUID(), identity: Address(bytes: [UInt8](repeating: 1, count: 20))!, key: nil)),
        toolbox: toolbox, logger: .quiet)
      var routes = Routes()
      routes.add(BridgeToolRoutes(sandboxes: sandboxes))
      door = BridgeDoor(
        routes: routes, policy: AccessPolicy(), passes: sandboxes.passes, logger: .quiet,
        address: { _ in nil })
      sandboxes.passes.open()
    }

    func call(_ tool: String, _ arguments: String, with pass: BridgePass) async throws -> String {
      var head = HTTPRequest(method: .post, scheme: "http", authority: "bridge", path: "/api/tools/\(tool)")
      head.headerFields[.authorization] = "Bearer \(pass.text)"
      let arrival = Arrival(origin: .sandbox(agent: agent))
      let response =
        switch try await door.admit(head, from: arrival) {
        case .answered(let response): response
        case .admitted(let ticket): try await door.answer(ticket, body: ByteBuffer(string: arguments))
        }
      let collected = BodyCollector(limit: 1 << 20)
      try await response.body.write(collected)
      return "\(response.status.code) \(String(buffer: collected.whole))"
    }
  }

  @Test("are those alone with which the command was started, by their exact names")
  func allowlist() async throws {
    let ground = Ground()
    let pass = try ground.sandboxes.passes.make(for: ground.agent, HostCalls(tools: ["look", "gone"]))
    let none = try ground.sandboxes.passes.make(for: ground.agent)
    #expect(try await ground.call("look", #"{"a":1}"#, with: pass) == #"200 {"ok":true}"#)
    #expect(try await ground.call("look", "", with: pass) == #"200 {"ok":true}"#)
    for name in ["Look", "look%20", "look%00", "lookup", "loo", "look%2F", "*"] {
      #expect(try await ground.call(name, "{}", with: pass).hasPrefix("403 "), "\(name)")
    }
    // Another command of the same agent has none of them.
    #expect(try await ground.call("look", "{}", with: none).hasPrefix("403 "))
    #expect(try await ground.call("gone", "{}", with: pass).hasPrefix("404 "))
    for arguments in ["[]", "1", "\"a\"", "null", "{", "{}{}"] {
      #expect(try await ground.call("look", arguments, with: pass).hasPrefix("400 "), "\(arguments)")
    }
    #expect(ground.toolbox.calls.withLock { $0 } == [#"look {"a":1}"#, "look {}"])
    pass.revoke()
    #expect(try await ground.call("look", "{}", with: pass).hasPrefix("401 "))
  }

  @Test("are called so often, and so many at a time, and no more")
  func bounds() async throws {
    let ground = Ground()
    let pass = try ground.sandboxes.passes.make(for: ground.agent, HostCalls(tools: ["look", "slow"]))
    for _ in 0..<(BridgeToolRoutes.most - BridgeToolRoutes.mostAtOnce) {
      #expect(try await ground.call("look", "{}", with: pass).hasPrefix("200 "))
    }
    try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<BridgeToolRoutes.mostAtOnce {
        group.addTask { try await ground.call("slow", "{}", with: pass) }
      }
      try await ground.toolbox.started.value()
      // All of them are under way as soon as one more is refused.
      while ground.toolbox.calls.withLock({ $0.count }) < BridgeToolRoutes.most { await Task.yield() }
      #expect(try await ground.call("look", "{}", with: pass).hasPrefix("429 "))
      ground.toolbox.gate.fulfil(.success(()))
      for try await answer in group { #expect(answer.hasPrefix("200 ")) }
    }
    #expect(try await ground.call("look", "{}", with: pass).hasPrefix("429 "))
    // The next command begins anew.
    let next = try ground.sandboxes.passes.make(for: ground.agent, HostCalls(tools: ["look"]))
    #expect(try await ground.call("look", "{}", with: next).hasPrefix("200 "))
  }
}
