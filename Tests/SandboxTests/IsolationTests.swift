import CIsolation
import Foundation
import Glibc
import Synchronization
import Testing

@testable import Sandbox

@Suite("A command in a sandbox")
struct IsolationTests {
  @Test("runs in the agent's home with an environment made from nothing")
  func environment() async throws {
    let ground = try Ground()
    let result = try await ground.shell("pwd; env | cut -d= -f1 | sort | tr '\\n' ' '")
    #expect(result.status == 0)
    let lines = result.standardOutput.text.split(separator: "\n")
    #expect(lines.first.map(String.init) == ground.profile.places.home)
    #expect(lines.last == "HOME LANG LOGNAME OSAURUS_SANDBOX PATH PWD SHELL TERM TMPDIR USER ")
  }

  @Test("says its exit code, or the signal that ended it")
  func endings() async throws {
    let ground = try Ground()
    #expect(try await ground.shell("exit 7").ending == .exited(code: 7))
    #expect(try await ground.shell("kill -SEGV $$").ending == .signalled(number: 11))
    #expect(try await ground.shell("kill -SEGV $$").status == 139)
  }

  @Test("has every layer, and shows them in its result")
  func layers() async throws {
    let result = try await Ground().run(["true"])
    #expect(Set(result.layers.map(\.layer)) == Set(IsolationLayer.allCases))
    #expect(result.weaknesses.isEmpty)
  }

  @Test("has no capability, cannot gain privileges, and is under two filters")
  func status() async throws {
    let text = try await Ground().run(["cat", "/proc/self/status"]).standardOutput.text
    for line in [
      "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp_filters:\t2",
    ] {
      #expect(text.contains(line))
    }
  }

  @Test("finds again in its home what it left there, and nothing in the temporary folder")
  func persistence() async throws {
    let ground = try Ground()
    #expect(try await ground.shell("echo kept > note; echo gone > /tmp/note").status == 0)
    let result = try await ground.shell("cat note; cat /tmp/note")
    #expect(result.standardOutput.text == "kept\n")
    #expect(result.status != 0)
    #expect(try String(contentsOf: ground.home.appending(path: "note"), encoding: .utf8) == "kept\n")
  }

  @Test("shares one folder with the other agents of the host, and nothing else")
  func sharing() async throws {
    let ground = try Ground()
    #expect(try await ground.shell("echo hello > /workspace/shared/word; echo own > own").status == 0)
    var other = SandboxProfile(
      places: AgentPlaces(agent: UUID(), in: ground.folder.appending(path: "sandbox")))
    other.limits = ground.profile.limits
    let session = try CommandSession(
      ExecutionRequest(["sh", "-c", "cat /workspace/shared/word; ls /workspace/agents | wc -l"]),
      with: SandboxLauncher(profile: other))
    #expect(try await session.result().standardOutput.text == "hello\n1\n")
  }

  @Test("may change a workspace that was granted for writing, and only read another")
  func workspaces() async throws {
    let ground = try Ground()
    for name in ["project", "manual"] {
      let folder = ground.folder.appending(path: name)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      try Data("text".utf8).write(to: folder.appending(path: "file"))
      ground.profile.grants.append(try WorkspaceGrant(folder: folder.path, isWritable: name == "project"))
    }
    let result = try await ground.shell(
      "cat /workspace/project/file /workspace/manual/file; echo new > /workspace/project/new; echo new > /workspace/manual/new"
    )
    #expect(result.standardOutput.text == "texttext")
    #expect(result.status != 0)
    #expect(FileManager.default.fileExists(atPath: ground.folder.appending(path: "project/new").path))
    #expect(!FileManager.default.fileExists(atPath: ground.folder.appending(path: "manual/new").path))
  }

  @Test("has the workspace that was looked at, or none, though a link takes its name while it is started")
  func exchangedWorkspace() async throws {
    let ground = try Ground()
    for name in ["outer", "outer/inner", "secret"] {
      let folder = ground.folder.appending(path: name)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      try Data(name.utf8).write(to: folder.appending(path: "file"))
    }
    let outer = ground.folder.appending(path: "outer").path
    try #require(symlink(ground.folder.appending(path: "secret").path, outer + "/link") == 0)
    ground.profile.grants = [try WorkspaceGrant(folder: outer + "/inner", isWritable: false)]
    let isOver = Atomic(false)
    let ended = DispatchSemaphore(value: 0)
    Thread {
      while !isOver.load(ordering: .relaxed) {
        _ = osr_rename(AT_FDCWD, outer + "/inner", AT_FDCWD, outer + "/link", Int32(OSR_EXCHANGE.rawValue))
      }
      ended.signal()
    }.start()
    var seen: Set<String> = []
    for _ in 0..<60 {
      seen.insert(
        (try? await ground.run(["cat", "/workspace/inner/file"]))?.standardOutput.text ?? "refused")
    }
    isOver.store(true, ordering: .relaxed)
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      Thread {
        ended.wait()
        done.resume()
      }.start()
    }
    #expect(seen.isSubset(of: ["outer/inner", "refused"]), "\(seen)")
  }

  @Test("has no descriptor but its own three, whatever it was granted")
  func descriptors() async throws {
    let ground = try Ground()
    for name in ["one", "two"] {
      let folder = ground.folder.appending(path: name)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      ground.profile.grants.append(try WorkspaceGrant(folder: folder.path, isWritable: true))
    }
    // The shell reads the folder through a fourth one.
    let result = try await ground.shell("echo /proc/$$/fd/*")
    #expect(result.standardOutput.text.split(separator: " ").count <= 4, "\(result.standardOutput.text)")
  }

  @Test("that does not exist, or whose folder does not, is said not to have run")
  func missing() async throws {
    let ground = try Ground()
    await #expect(throws: SandboxError.self) { try await ground.run(["no-such-program"]) }
    let nowhere = try ground.path("nowhere")
    let error = await #expect(throws: SandboxError.self) {
      try await ground.run(["true"]) { $0.folder = nowhere }
    }
    #expect(error?.description.contains("its folder") == true)
  }

  @Test("has words that no shell reads, and that no list of processes outside shows")
  func words() async throws {
    let ground = try Ground()
    let word = "$(touch broken); 'quoted' \"\\ `date`\n"
    let result = try await ground.run(["printf", "%s", word])
    #expect(result.standardOutput.bytes == Array(word.utf8))
    #expect(!FileManager.default.fileExists(atPath: ground.home.appending(path: "broken").path))
    let session = try ground.start(["sh", "-c", "echo ready; sleep 20 # a-mark-of-this-test"])
    try await eventually { session.snapshot().standardOutput.text == "ready\n" }
    let bubblewraps = try outsideCommandLines().filter { $0.hasPrefix("bwrap") }
    #expect(!bubblewraps.isEmpty)
    #expect(bubblewraps.allSatisfy { !$0.contains("a-mark-of-this-test") })
    session.terminate()
    _ = try await session.result()
  }

  private func outsideCommandLines() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap {
      FileManager.default.contents(atPath: "/proc/\($0)/cmdline").map { String(decoding: $0, as: UTF8.self) }
    }
  }

  @Test(
    "is refused with what to install where a layer is missing, and runs without it where the owner says so")
  func refusal() async throws {
    let ground = try Ground()
    let nowhere = try SandboxLauncher(profile: ground.profile, programs: "/nowhere")
    let request = ExecutionRequest(["true"])
    let error = await #expect(throws: SandboxError.self) {
      try await CommandSession(request, with: nowhere).result()
    }
    #expect(error?.nextStep?.contains("Build and install") == true)
    ground.profile.waived = [.files]
    #expect(throws: SandboxError.notWaivable(.files)) { try ground.launcher() }
    // What is there holds, although the owner would do without it.
    ground.profile.waived = [.landlock, .systemCalls]
    #expect(try await ground.run(["true"]).layers.allSatisfy { $0.state == .on })
  }

  @Test("says what to do about every layer that may be missing")
  func remedies() {
    for version in [Int32(1), 3, 4, 6] {
      let ruleset = LandlockRuleset(version: version, withholdsTCP: true)
      #expect(ruleset.handledNetwork == (version >= 4 ? 3 : 0))
      #expect(ruleset.scoped == (version >= 6 ? 3 : 0))
      #expect(ruleset.handledFiles.nonzeroBitCount == [1: 13, 3: 15, 4: 15, 6: 16][version])
    }
  }
}

/// Looks again and again, for at most twenty seconds.
func eventually(_ holds: () throws -> Bool) async throws {
  let end = ContinuousClock.now + .seconds(20)
  while ContinuousClock.now < end {
    if try holds() { return }
    await Task.yield()
  }
  Issue.record("it did not come to be within twenty seconds")
}
