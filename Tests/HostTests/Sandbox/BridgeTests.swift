import Agents
import Foundation
import HTTPTypes
import Keyring
import Sandbox
import SecretMemory
import Stores
import Synchronization
import Testing

@testable import Host

@Suite("The bridge", .serialized, .timeLimit(.minutes(10)))
struct BridgeTests {
  @Test("serves nobody without a pass of a command of its agent's that runs")
  func passes() async throws {
    try await ServedBridge.run { bridge in
      let words = "401 Bridge token missing or unrecognised"
      let socket = try await bridge.host.services.sandboxes.bridge(of: bridge.agent)
      var stranger = ServedBridge(bridge, key: nil, socket)
      #expect(try await stranger.refusal("GET", "/api/config/a") == words)
      // Nothing is told of what there is.
      #expect(try await stranger.refusal("GET", "/api/nothing") == words)
      #expect(try await stranger.refusal("PUT", "/") == words)
      let unknown = try BridgePasses.opened().make(for: bridge.agent).text
      for key in [unknown, bridge.otherPass.text, "x", bridge.pass.text + "x", "a b"] {
        stranger = ServedBridge(bridge, key: key, socket)
        #expect(try await stranger.refusal("GET", "/api/config/a") == words)
      }
      // Two of them are none.
      #expect(
        try await bridge.refusal(
          "GET", "/api/config/a", headers: ["Authorization: Bearer \(bridge.pass.text)"])
          == words)
      let keys = try await bridge.host.key()
      stranger = ServedBridge(bridge, key: keys.text, socket)
      #expect(try await stranger.refusal("GET", "/api/config/a") == words)

      #expect(try await bridge.refusal("GET", "/api/config/a") == "404 There is no value for 'a'.")
      bridge.pass.revoke()
      #expect(try await bridge.refusal("GET", "/api/config/a") == words)
    }
  }

  @Test("takes the scheme in any case, and no other scheme")
  func scheme() async throws {
    try await ServedBridge.run { bridge in
      let socket = try await bridge.host.services.sandboxes.bridge(of: bridge.agent)
      let bare = ServedBridge(bridge, key: nil, socket)
      for scheme in ["bearer", "BEARER", "BeArEr"] {
        #expect(
          try await bare.refusal(
            "GET", "/api/nothing", headers: ["Authorization: \(scheme) \(bridge.pass.text)"])
            == "404 Unknown service: nothing")
      }
      for value in [bridge.pass.text, "Basic \(bridge.pass.text)", "Bearer", "Bearer  \(bridge.pass.text)x"] {
        #expect(
          try await bare.refusal("GET", "/api/nothing", headers: ["Authorization: \(value)"]).hasPrefix("401")
        )
      }
    }
  }

  @Test("knows whose command asks by its pass, whatever headers and bodies say")
  func identity() async throws {
    try await ServedBridge.run { bridge in
      let forged = [
        "X-Osaurus-User: agent-\(bridge.other.uuidString.lowercased())", "X-Osaurus-Plugin: ../../host",
        "X-Forwarded-User: root", "X-Osaurus-Agent-Id: \(bridge.other)",
      ]
      let set = try await bridge.client.ask(
        "POST", "/api/config/color", #"{"value":"blue"}"#, headers: forged)
      #expect(set.status == 200)
      let store = bridge.host.services.sandboxes.configStore
      #expect(try await store.value("color", agent: bridge.agent) == "blue")
      #expect(try await store.value("color", agent: bridge.other) == nil)
      #expect(try await store.value("color", agent: bridge.agent, plugin: "../../host") == nil)

      let words = "403 agent_id in body does not match token-bound identity"
      for other in [bridge.other.uuidString, "default", "0x" + String(repeating: "1", count: 40), ""] {
        for path in ["/api/agent/dispatch", "/api/agent/memory/store", "/api/config/color", "/api/log"] {
          let body = try JSONEncoder().encode(["agent_id": other, "task": "x", "content": "x", "value": "x"])
          #expect(try await bridge.refusal("POST", path, String(decoding: body, as: UTF8.self)) == words)
        }
      }
      let own = #"{"agent_id":"\#(bridge.agent.uuidString.lowercased())","content":"mine"}"#
      #expect(try await bridge.client.ask("POST", "/api/agent/memory/store", own).status == 201)
    }
  }

  @Test("says what there is not, and takes no more than it says")
  func refusals() async throws {
    try await ServedBridge.run { bridge in
      #expect(try await bridge.refusal("GET", "/api/nothing") == "404 Unknown service: nothing")
      #expect(try await bridge.refusal("GET", "/config/a") == "404 Unknown service: config/a")
      #expect(
        try await bridge.refusal("GET", "/api/../control/status") == "404 Unknown service: ../control/status")
      for path in ["/api/control/status", "/api/models", "/api/agents", "/api/chat/completions"] {
        #expect(try await bridge.refusal("GET", path).hasPrefix("404 Unknown service: "))
      }
      #expect(try await bridge.refusal("DELETE", "/api/config/a") == "405 Method not allowed")
      #expect(try await bridge.refusal("GET", "/api/log") == "405 Method not allowed")
      #expect(try await bridge.refusal("GET", "/api/config/..%2F..%2Fx").hasPrefix("400 Names are"))
      #expect(try await bridge.refusal("POST", "/api/config/a", "{").hasPrefix("400 "))
      #expect(try await bridge.refusal("POST", "/api/config/a", #"{"value":3}"#).hasPrefix("400 "))
      let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
      #expect(try await bridge.refusal("POST", "/api/log", deep) == "400 JSON nests deeper than 256 levels")
      #expect(try await bridge.refusal("POST", "/api/plugin/create", "{}").hasPrefix("400 "))
      #expect(
        try await bridge.refusal("POST", "/api/tools/look", "{}")
          == "403 This command may not call the tool 'look'.")

      // Its length alone is enough, before a byte of it.
      let answer = try await bridge.client.connect { client in
        try await client.send(
          Array(
            """
            POST /api/log HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(bridge.pass.text)\r\n\
            Content-Length: 8388609\r\n\r\n
            """.utf8))
        _ = try await client.rest()
        return try WireAnswer(client.bytes)
      }
      #expect(answer.status == 413)
      #expect(answer.json["error"] as? String == "Request body too large (8388609 > 8388608 bytes)")
    }
  }

  @Test("gives the agent's secrets to its commands alone, and a plugin's before the agent's")
  func secrets() async throws {
    try await ServedBridge.run(plugin: "weather") { bridge in
      let store = bridge.host.services.sandboxes.secretStore
      try await store.set("KEY", to: Array("agent's \"own\"\n".utf8), agent: bridge.agent)
      try await store.set("OTHER", to: Array("other's".utf8), agent: bridge.other)
      #expect(
        try await bridge.client.ask("GET", "/api/secrets/KEY").json["value"] as? String == "agent's \"own\"\n"
      )
      #expect(try await bridge.refusal("GET", "/api/secrets/OTHER") == "404 There is no secret 'OTHER'.")
      try await store.set("KEY", to: Array("plugin's".utf8), agent: bridge.agent, plugin: "weather")
      try await store.set("KEY", to: Array("another's".utf8), agent: bridge.agent, plugin: "news")
      #expect(try await bridge.client.ask("GET", "/api/secrets/KEY").json["value"] as? String == "plugin's")
    }
  }

  @Test("asks models, gives the agent tasks, and has it remember")
  func work() async throws {
    try await ServedBridge.run { bridge in
      let chat = try await bridge.client.ask(
        "POST", "/api/inference/chat", #"{"messages":[{"role":"user","content":"say one two"}]}"#)
      #expect(chat.json["content"] as? String == "one two ")
      #expect(try await bridge.refusal("POST", "/api/inference/chat", #"{"messages":[]}"#).hasPrefix("400 "))

      let stored = try await bridge.client.ask(
        "POST", "/api/agent/memory/store", #"{"content":"the ladder is behind the shed"}"#)
      #expect(stored.status == 201)
      let found = try await bridge.client.ask("POST", "/api/agent/memory/query", #"{"query":"ladder"}"#)
      let results = found.json["results"] as? [[String: Any]]
      #expect(results?.first?["content"] as? String == "the ladder is behind the shed")
      #expect(results?.first?["salience"] as? Double == 0.7)
      #expect(results?.first?["created_at"] is String)
      let memories = try await bridge.host.services.memory.list(
        agentID: bridge.agent, layers: [.pinned], limit: 10)
      #expect(memories.map(\.author) == [.model])
      #expect(
        memories.map(\.keywords) == ["source:sandbox:agent-\(bridge.agent.uuidString.lowercased())"])
      #expect(
        try await bridge.host.services.memory.list(agentID: bridge.other, layers: [.pinned], limit: 10)
          .isEmpty)

      let sent = try await bridge.client.ask(
        "POST", "/api/agent/dispatch", #"{"task":"say done","external_session_key":"k"}"#)
      let task = try #require((sent.json["task_id"] as? String).flatMap(UUID.init(uuidString:)))
      #expect(task == SandboxTasks.session("k", of: bridge.agent))
      #expect(task != SandboxTasks.session("k", of: bridge.other))
      await bridge.host.services.sandboxTasks.settle()
      #expect(
        try await bridge.host.turns(of: task) == ["user: say done (complete)", "assistant: done  (complete)"])
      #expect(
        try await bridge.client.ask("POST", "/api/log", #"{"level":"info","message":"a\nb"}"#).status == 200)
      #expect(
        try await bridge.refusal("POST", "/api/log", #"{"level":"loud","message":"a"}"#).hasPrefix("400 "))
      #expect(
        try await bridge.client.ask("POST", "/api/events/emit", #"{"type":"x.y","payload":{"a":[1]}}"#).status
          == 200)
    }
  }

  @Test("has as many connections as one agent may, and idle ones give way")
  func connections() async throws {
    try await ServedBridge.run { bridge in
      let sockets = try (0..<100).map { _ in
        try IdleSocket(bridge.host.services.folders.bridgeSocket(of: bridge.agent))
      }
      #expect(try await bridge.refusal("GET", "/api/nothing") == "404 Unknown service: nothing")
      withExtendedLifetime(sockets) {}
    }
  }

  @Test("listens on a socket that is the owner's alone, and leaves none behind")
  func files() async throws {
    let folders = HeldFolders()
    try await ServedBridge.run { bridge in
      let path = bridge.host.services.folders.bridgeSocket(of: bridge.agent)
      var status = stat()
      #expect(lstat(path, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600)
      let folder = bridge.host.services.folders.bridgeSockets.path
      #expect(lstat(folder, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o700)
      folders.path.withLock { $0 = path }
    }
    #expect(!FileManager.default.fileExists(atPath: folders.path.withLock { $0 }))
  }
}
