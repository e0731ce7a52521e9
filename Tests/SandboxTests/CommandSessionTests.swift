import Foundation
import Synchronization
import Testing

@testable import Sandbox

@Suite("A command session")
struct CommandSessionTests {
  @Test("gives input to the command, and ends it")
  func input() async throws {
    let session = try Ground().start(["cat"]) { $0.takesInput = true }
    try session.write(Array("one ".utf8))
    try session.write(Array("two".utf8))
    session.endInput()
    #expect(try await session.result().standardOutput.text == "one two")
    #expect(throws: SandboxError.inputClosed) { try session.write([1]) }
  }

  @Test("takes no input without being asked for it, and no more than a megabyte that nobody reads")
  func refusedInput() async throws {
    let ground = try Ground()
    let closed = try ground.start(["cat"])
    #expect(throws: SandboxError.inputClosed) { try closed.write([1]) }
    #expect(try await closed.result().status == 0)
    let deaf = try ground.start(["sleep", "20"]) { $0.takesInput = true }
    #expect(throws: SandboxError.inputFull) {
      for _ in 0..<64 { try deaf.write([UInt8](repeating: 0, count: 64 << 10)) }
    }
    deaf.terminate()
    #expect(try await deaf.result().cause == .request)
  }

  @Test("ends a command at its time limit though nobody looks, and everything that it started")
  func timeLimit() async throws {
    let ground = try Ground()
    let script =
      "setsid sh -c 'trap \"\" TERM HUP; while :; do date +%N > tick; done' & trap '' TERM; sleep 60; sleep 60"
    let result = try await ground.shell(script) {
      $0.timeLimit = .milliseconds(300)
      $0.grace = .milliseconds(100)
    }
    #expect(result.cause == .timeLimit)
    #expect(result.ending == .signalled(number: 9))
    #expect(result.duration < .seconds(20))
    let tick = ground.home.appending(path: "tick")
    let first = try Data(contentsOf: tick)
    // Another whole command later, nothing has moved.
    _ = try await ground.run(["sleep", "0.1"])
    #expect(try Data(contentsOf: tick) == first)
  }

  @Test("leaves output that is held where it is, while its time goes on, and has all of it once it is let go")
  func heldOutput() async throws {
    let ground = try Ground()
    let endless = try ground.start(["yes"]) { $0.timeLimit = .milliseconds(500) }
    endless.holdOutput(true)
    let ended = try await endless.result()
    #expect(ended.cause == .timeLimit)
    #expect(ended.standardOutput.dropped == 0)

    let count = Mutex(0)
    let words = ExecutionRequest(["seq", "1", "200000"])
    let whole = try CommandSession(words, with: ground.launcher()) { _, piece in
      count.withLock { $0 += piece.count }
    }
    whole.holdOutput(true)
    // It stands still: a pipe does not hold all that it says.
    await whole.wait(atMost: .milliseconds(500))
    #expect(!whole.isOver)
    whole.holdOutput(false)
    #expect(try await whole.result().status == 0)
    #expect(count.withLock { $0 } == 1_288_895)
  }

  @Test("lets a command that is asked to end do so in its own way")
  func politeEnd() async throws {
    let session = try Ground().start([
      "sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done",
    ])
    try await eventually { session.snapshot().standardOutput.text == "ready\n" }
    session.terminate()
    let result = try await session.result()
    #expect(result.ending == .exited(code: 3))
    #expect(result.standardOutput.text.hasSuffix("bye\n"))
  }

  @Test("ends what the command leaves behind as soon as the command ends")
  func leftovers() async throws {
    let result = try await Ground().shell("setsid sleep 100 & echo done")
    #expect(result.standardOutput.text == "done\n")
    #expect(result.duration < .seconds(20))
  }

  @Test("keeps the beginning and the end of what is said, and counts the rest")
  func floods() async throws {
    let result = try await Ground().shell("echo first; yes | head -c 3000000; echo last")
    let output = result.standardOutput
    #expect(output.head.count == 256 << 10)
    #expect(output.tail.count == 256 << 10)
    #expect(output.dropped == 3_000_011 - (512 << 10))
    #expect(output.head.starts(with: Array("first\n".utf8)))
    #expect(output.tail.suffix(5) == Array("last\n".utf8)[...])
  }

  @Test("ends a command that says more than it may")
  func endlessOutput() async throws {
    let ground = try Ground()
    ground.profile.limits.output = 1 << 20
    let result = try await ground.run(["yes"])
    #expect(result.cause == .output)
  }

  @Test("has a terminal of its own that can be resized, with the command in the foreground")
  func terminal() async throws {
    let script = "tty; stty size; read word; stty size; echo \"got $word\""
    let session = try Ground().start(["sh", "-c", script]) {
      $0.terminal = ExecutionRequest.TerminalSize(columns: 100, rows: 30)
    }
    try await eventually { session.snapshot().standardOutput.text.contains("30 100") }
    session.resize(to: ExecutionRequest.TerminalSize(columns: 90, rows: 20))
    try session.write(Array("word\n".utf8))
    let text = try await session.result().standardOutput.text
    #expect(text.contains("20 90"))
    #expect(text.contains("got word"))
    #expect(!text.contains("not a tty"))
  }

  @Test("passes an interrupt on the terminal to the command")
  func interrupt() async throws {
    let session = try Ground().start([
      "sh", "-c", "trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done",
    ]) {
      $0.terminal = ExecutionRequest.TerminalSize(columns: 80, rows: 24)
    }
    try await eventually { session.snapshot().standardOutput.text.contains("ready") }
    try session.write([0x03])
    #expect(try await session.result().ending == .exited(code: 9))
  }

  @Test("refuses a time limit that was not asked for on purpose, and words that are none")
  func requests() throws {
    var request = ExecutionRequest(["true"])
    request.timeLimit = .seconds(301)
    #expect(throws: SandboxError.self) { try request.check() }
    request.isLong = true
    #expect(throws: Never.self) { try request.check() }
    request.timeLimit = .zero
    #expect(throws: SandboxError.self) { try request.check() }
    #expect(throws: SandboxError.self) { try ExecutionRequest([]).check() }
    #expect(throws: SandboxError.self) { try ExecutionRequest(["a\0b"]).check() }
    #expect(throws: SandboxError.self) {
      try ExecutionRequest(["echo", String(repeating: "x", count: 1 << 18)]).check()
    }
  }

  @Test("ends a command whose wait is cancelled")
  func cancellation() async throws {
    let ground = try Ground()
    let sessions = CommandSessions()
    let launcher = try ground.launcher()
    let agent = ground.agent
    let task = Task { try await sessions.run(ExecutionRequest(["sleep", "25"]), for: agent, with: launcher) }
    while await sessions.sessions(of: agent).isEmpty { await Task.yield() }
    task.cancel()
    _ = try? await task.value
    let session = try #require(await sessions.sessions(of: agent).first)
    await session.wait(atMost: .seconds(20))
    #expect(session.isOver)
  }

  @Test("is found by its identifier by its own agent alone; sixteen run and thirty-two are kept")
  func bounds() async throws {
    let ground = try Ground()
    let sessions = CommandSessions()
    let launcher = try ground.launcher()
    var identifiers: [CommandSessionID] = []
    for _ in 0..<40 {
      let session = try await sessions.start(ExecutionRequest(["true"]), for: ground.agent, with: launcher)
      identifiers.append(session.id)
      await session.wait()
    }
    #expect(await sessions.sessions(of: ground.agent).count == 32)
    await #expect(throws: SandboxError.noSuchSession) {
      try await sessions.session(identifiers[0], of: ground.agent)
    }
    await #expect(throws: SandboxError.noSuchSession) {
      try await sessions.session(identifiers[39], of: UUID())
    }
    #expect(try await sessions.session(identifiers[39], of: ground.agent).isOver)
    for _ in 0..<16 {
      _ = try await sessions.start(ExecutionRequest(["sleep", "25"]), for: ground.agent, with: launcher)
    }
    await #expect(throws: SandboxError.tooManyRunning(16)) {
      try await sessions.start(ExecutionRequest(["true"]), for: ground.agent, with: launcher)
    }
    await sessions.stopAll()
    #expect(await sessions.sessions(of: ground.agent).allSatisfy { $0.isOver })
  }

  @Test("has an identifier that no other text is taken for")
  func identifiers() {
    let id = CommandSessionID()
    #expect(CommandSessionID(id.description) == id)
    for text in ["", "1", id.description.uppercased() + "G", id.description + "0", "../" + id.description] {
      #expect(CommandSessionID(text) == nil)
    }
  }
}

@Suite("What is kept of a stream")
struct OutputBufferTests {
  @Test("is all of it, or its two ends and a count", arguments: [0, 1, 7, 8, 9, 15, 16, 17, 24, 100])
  func ends(count: Int) {
    for piece in [1, 3, 5, 16, 64] {
      let bytes = (0..<count).map { UInt8($0) }
      var buffer = OutputBuffer(capacity: 16)
      var start = 0
      while start < count {
        buffer.append(bytes[start..<min(count, start + piece)])
        start += piece
      }
      let captured = buffer.captured
      #expect(captured.head == Array(bytes.prefix(8)))
      #expect(captured.tail == Array(bytes.dropFirst(8).suffix(8)))
      #expect(captured.dropped == max(0, count - 16))
    }
  }
}
