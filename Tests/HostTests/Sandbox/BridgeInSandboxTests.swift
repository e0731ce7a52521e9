import Agents
import Foundation
import Keyring
import Sandbox
import Stores
import Synchronization
import Testing

@testable import Host

/// What code in a real sandbox finds of its host, and what it tries with it, over the real socket.
@Suite("The bridge from inside a sandbox", .serialized, .timeLimit(.minutes(10)))
struct BridgeInSandboxTests {
  /// Speaks HTTP over the socket that is named, with the token that is given.
  private static let client = """
    import http.client, json, os, socket, sys
    class Bridge(http.client.HTTPConnection):
      def __init__(self, path):
        super().__init__("bridge")
        self.path = path
      def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)
    def ask(method, path, body=None, token=None, headers={}, place=os.environ.get("OSAURUS_BRIDGE")):
      to = Bridge(place)
      token = open(os.environ["OSAURUS_BRIDGE_TOKEN_FILE"]).read() if token is None else token
      all = dict(headers)
      if token: all["Authorization"] = "Bearer " + token
      to.request(method, "/api" + path, None if body is None else json.dumps(body), all)
      answer = to.getresponse()
      return answer.status, json.loads(answer.read() or b"null")

    """

  private static func python(_ script: String) -> String {
    "cat > \"$TMPDIR/client.py\" <<'END'\n\(client)\(script)\nEND\npython3 \"$TMPDIR/client.py\""
  }

  private static let hasPython = FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")

  @Test("finds a socket, and a token that is its user's alone and ends without a line end")
  func places() async throws {
    try await ServedBridge.run { bridge in
      let name = "agent-\(bridge.agent.uuidString.lowercased())"
      let result = try await bridge.shell(
        """
        echo "$OSAURUS_BRIDGE $OSAURUS_BRIDGE_TOKEN_FILE"
        stat -c '%a %U %s' "$OSAURUS_BRIDGE_TOKEN_FILE"
        stat -c '%a %U' /run/osaurus
        test -S "$OSAURUS_BRIDGE" && echo socket
        command -v osaurus-host
        touch /run/osaurus/new 2>/dev/null || echo shut
        sh -c 'echo x > "$OSAURUS_BRIDGE_TOKEN_FILE"' 2>/dev/null || echo kept
        ls /run /run/osaurus
        """)
      #expect(
        result.standardOutput.text == """
          /run/osaurus/bridge.sock /run/osaurus/\(name).token
          600 agent 43
          711 agent
          socket
          /run/osaurus/bin/osaurus-host
          shut
          kept
          /run:
          osaurus

          /run/osaurus:
          \(name).token
          bin
          bridge.sock

          """)
      #expect(result.standardError.text == "")
    }
  }

  @Test("is asked by the program that is there, with words that no shell has to mind")
  func program() async throws {
    try await ServedBridge.run { bridge in
      let store = bridge.host.services.sandboxes.secretStore
      try await store.set("API_KEY", to: Array("a \"quoted\" one".utf8), agent: bridge.agent)
      let result = try await bridge.shell(
        #"""
        osaurus-host secrets get API_KEY
        osaurus-host config set 'city' 'Lis"bon} \'
        osaurus-host config get city
        osaurus-host inference chat 'say one two}' | tr -d ' '
        osaurus-host agent memory store 'the "ladder" is behind the shed'
        osaurus-host agent memory query ladder | grep -c behind
        osaurus-host events emit build.done '{"ok": {"a": [1]}}' && echo emitted
        osaurus-host events emit said 'not "json"}' && echo emitted
        osaurus-host log info 'half "done"' && echo logged
        osaurus-host agent dispatch 'say done' | wc -c
        """#)
      #expect(
        result.standardOutput.text == #"""
          a "quoted" one
          Lis"bon} \
          onetwo}
          1
          emitted
          emitted
          logged
          37

          """#)
      #expect(result.standardError.text == "")

      let refused = try await bridge.shell(
        """
        osaurus-host secrets get NOTHING; echo $?
        osaurus-host config get nothing; echo $?
        osaurus-host tool call look; echo $?
        echo '{}' | osaurus-host plugin create -; echo $?
        osaurus-host log loud x; echo $?
        osaurus-host agent create Eve 2>/dev/null; echo $?
        osaurus-host init 2>/dev/null; echo $?
        """)
      #expect(refused.standardOutput.text == "1\n1\n1\n1\n1\n2\n2\n")
      let lines = refused.standardError.text.split(separator: "\n")
      #expect(lines.count == 5)
      #expect(lines.first == "osaurus-host: error 404: There is no secret 'NOTHING'.")
      #expect(lines.allSatisfy { $0.hasPrefix("osaurus-host: error ") })
    }
  }

  @Test("is shut to tokens of others, to other sockets and to forged words", .enabled(if: hasPython))
  func escapes() async throws {
    try await ServedBridge.run { bridge in
      let services = bridge.host.services
      let otherSocket = try await services.sandboxes.bridge(of: bridge.other)
      // A token of another agent, handed over in the shared folder, and one of an ended command of this one.
      let places = AgentPlaces(agent: bridge.agent, in: services.folders.sandboxes)
      try places.prepare()
      try Data(bridge.otherPass.text.utf8).write(to: places.sharedFolder.appending(path: "stolen"))
      let first = try await bridge.shell("cp \"$OSAURUS_BRIDGE_TOKEN_FILE\" kept && cat kept")
      #expect(first.standardOutput.text.utf8.count == 43)

      let result = try await bridge.shell(
        Self.python(
          """
          stolen = open("/workspace/shared/stolen").read()
          print(ask("GET", "/config/a")[0], "own")
          print(ask("GET", "/config/a", token=stolen)[0], "of another agent")
          print(ask("GET", "/config/a", token=open("kept").read())[0], "of a command that has ended")
          print(ask("GET", "/config/a", token="")[0], "none")
          print(ask("GET", "/config/a", token="A" * 43)[0], "guessed")
          forged = {"X-Osaurus-User": "agent-\(bridge.other.uuidString.lowercased())", "X-Osaurus-Plugin": "../../x",
            "X-Osaurus-Relay-Origin": "1", "Host": "localhost", "Cookie": "token=" + stolen}
          print(ask("POST", "/config/mark", {"value": "mine"}, headers=forged)[0], "forged headers")
          print(ask("POST", "/agent/memory/store", {"agent_id": "\(bridge.other)", "content": "x"})[0], "another's name")
          print(ask("POST", "/agent/dispatch", {"agent_id": "\(bridge.other)", "task": "x"})[0], "another's task")
          print(ask("POST", "/tools/sandbox_exec", {})[0], "a tool that was not given")
          print(ask("GET", "/control/status")[0], "the owner's orders")
          for place in ["\(otherSocket)", "\(services.folders.controlSocket.path)", "/run/osaurus/../\(otherSocket)"]:
            try:
              ask("GET", "/config/a", place=place); print("reached", place)
            except OSError: print("no such socket")
          """))
      #expect(
        result.standardOutput.text == """
          404 own
          401 of another agent
          401 of a command that has ended
          401 none
          401 guessed
          200 forged headers
          403 another's name
          403 another's task
          403 a tool that was not given
          404 the owner's orders
          no such socket
          no such socket
          no such socket

          """)
      #expect(result.standardError.text == "")
      let store = services.sandboxes.configStore
      #expect(try await store.value("mark", agent: bridge.agent) == "mine")
      #expect(try await store.value("mark", agent: bridge.other) == nil)
    }
  }

  @Test(
    "ends with its command, which leaves no pass behind, and with the service, which leaves no command behind"
  )
  func endings() async throws {
    let session = Mutex<CommandSession?>(nil)
    try await ServedBridge.run { bridge in
      let sandboxes = bridge.host.services.sandboxes
      // The one that the test itself has.
      #expect(sandboxes.passes.count(of: bridge.agent) == 1)
      #expect(try await bridge.shell("true").status == 0)
      #expect(try await bridge.shell("exit 3").status == 3)
      #expect(sandboxes.passes.count(of: bridge.agent) == 1)
      let sandbox = try await sandboxes.sandbox(of: bridge.agent)
      var request = ExecutionRequest(["sleep", "200"])
      request.timeLimit = .seconds(250)
      let running = try await sandbox.sessions.start(request, for: bridge.agent, with: sandbox.launcher)
      while case .starting = running.snapshot().phase { await Task.yield() }
      session.withLock { $0 = running }
    }
    let ended = try #require(session.withLock { $0 })
    #expect(ended.isOver)
    #expect(try await ended.result().cause == .service)
  }

  @Test("is not there for commands that were given no way to it")
  func without() async throws {
    try await ServedBridge.run { bridge in
      let places = AgentPlaces(agent: bridge.agent, in: bridge.host.services.folders.sandboxes)
      let launcher = try SandboxLauncher(profile: SandboxProfile(places: places))
      let result = try await CommandSession(
        ExecutionRequest(["sh", "-c", "echo \"$OSAURUS_BRIDGE\"; ls /run; command -v osaurus-host"]),
        with: launcher
      ).result()
      #expect(result.standardOutput.text == "\n")
    }
  }

  @Test("lets the agent's sandboxes go with the agent")
  func removal() async throws {
    try await ServedBridge.run { bridge in
      let sandboxes = bridge.host.services.sandboxes
      #expect(try await bridge.shell("echo kept > note").status == 0)
      let sandbox = try await sandboxes.sandbox(of: bridge.agent)
      var request = ExecutionRequest(["sleep", "200"])
      request.timeLimit = .seconds(250)
      let running = try await sandbox.sessions.start(request, for: bridge.agent, with: sandbox.launcher)
      while case .starting = running.snapshot().phase { await Task.yield() }
      try await sandboxes.remove(bridge.agent)
      #expect(running.isOver)
      #expect(sandboxes.passes.count(of: bridge.agent) == 0)
      #expect(!FileManager.default.fileExists(atPath: sandbox.profile.places.folder.path))
    }
  }
}
