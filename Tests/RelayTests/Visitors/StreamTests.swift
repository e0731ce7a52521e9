import Identity
import NIOCore
import NIOHTTP1
import Testing

@testable import Relay

/// Answers that come in pieces.
@Suite("Streams through a relay", .timeLimit(.minutes(2)))
struct StreamTests {
  private static let ada = TestKey.make(1)
  private static let name = RelayLab.name(of: ada.address)

  /// Has the host begin a stream, and gives its request and the caller behind the head.
  private func begin(
    _ lab: RelayLab, _ host: inout TestHost
  ) async throws -> (request: RelayRequest, caller: Caller) {
    var caller = try await Caller.connect(lab)
    try await caller.send(.POST, "/run", host: Self.name, body: ByteBuffer(string: "{}"))
    let request = try await host.request()
    try await host.say(
      .streamStart(
        RelayAnswerHead(id: request.id, status: 200, headers: ["content-type": "text/event-stream"])))
    guard case .head(let head) = try await caller.part(), head.status == .ok,
      head.headers.first(name: "transfer-encoding") == "chunked"
    else { throw TestHost.Unexpected(event: "no head") }
    return (request, caller)
  }

  @Test("every piece is passed on when it comes, and the end is the end")
  func pieces() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var (request, caller) = try await begin(lab, &host)
      for text in ["data: é\n\n", "data: 2\n\n"] {
        try await host.say(.streamChunk(request.id, ByteBuffer(string: text)))
        guard case .body(let bytes) = try await caller.part() else {
          Issue.record("no piece")
          return
        }
        #expect(String(buffer: bytes) == text)
      }
      try await host.say(.streamEnd(request.id))
      guard case .end = try await caller.part() else {
        Issue.record("no end")
        return
      }
      // The connection goes on.
      try await caller.send(host: Self.name)
      request = try await host.request()
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      #expect(try await caller.answer().status == 200)
    }
  }

  @Test("pieces that are no text come through, and one that is cut inside a character")
  func binary() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var (request, caller) = try await begin(lab, &host)
      for bytes: [UInt8] in [[0xc3], [0xa9], [0xff, 0x00]] {
        try await host.say(.streamChunk(request.id, ByteBuffer(bytes: bytes)))
      }
      try await host.say(.streamEnd(request.id))
      #expect(Array(try await caller.answer().body.readableBytesView) == [0xc3, 0xa9, 0xff, 0x00])
    }
  }

  @Test(
    "a stream whose tunnel ends, that its host breaks off, or that goes silent, is an error to its caller")
  func brokenStreams() async throws {
    let settings = RelayLab.settings { $0.limits.streamTimeout = .milliseconds(400) }
    try await RelayLab.run(settings) { lab in
      for ending in ["tunnel", "cancel", "silence", "answer"] {
        var host = try await TestHost.authenticated(lab, [Self.ada])
        var (request, caller) = try await begin(lab, &host)
        try await host.say(.streamChunk(request.id, ByteBuffer(string: "data: 1\n\n")))
        switch ending {
        case "tunnel": await host.close()
        case "cancel": try await host.say(.cancel(request.id))
        case "answer": try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
        default: #expect(try await host.frame() == .cancel(request.id))
        }
        do {
          _ = try await caller.answer()
          Issue.record("a clean end after: \(ending)")
        } catch let cut as Caller.Cut {
          #expect(cut.soFar.text == "data: 1\n\n", "\(ending)")
        }
        await host.close()
        try await eventually { lab.board.directory.count == 0 }
      }
      #expect(lab.board.statistics.snapshot().events[.brokenStream] == 4)
    }
  }

  @Test("a caller of HTTP/1.0 sees a broken stream as a broken connection, and a whole one as whole")
  func oldCallers() async throws {
    try await RelayLab.run { lab in
      for isBroken in [false, true] {
        var host = try await TestHost.authenticated(lab, [Self.ada])
        var raw = try await RawCaller.connect(lab)
        try await raw.send("GET / HTTP/1.0\r\nhost: \(Self.name)\r\n\r\n")
        let request = try await host.request()
        try await host.say(.streamStart(RelayAnswerHead(id: request.id, status: 200)))
        try await host.say(.streamChunk(request.id, ByteBuffer(string: "piece")))
        let text = await raw.read(until: "piece")
        #expect(
          text.hasPrefix("HTTP/1.0 200 OK\r\n") && text.contains("connection: close")
            && !text.contains("chunked"))
        try await host.say(isBroken ? .cancel(request.id) : .streamEnd(request.id))
        #expect(await raw.rest().wasReset == isBroken)
        await host.close()
        try await eventually { lab.board.directory.count == 0 }
      }
    }
  }

  @Test("an empty piece keeps a silent stream alive")
  func keepAlive() async throws {
    let settings = RelayLab.settings { $0.limits.streamTimeout = .milliseconds(500) }
    try await RelayLab.run(settings) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var (request, caller) = try await begin(lab, &host)
      let start = ContinuousClock.now
      while ContinuousClock.now - start < .milliseconds(1500) {
        try await host.say(.streamChunk(request.id, ByteBuffer()))
        await Task.yield()
      }
      try await host.say(.streamChunk(request.id, ByteBuffer(string: "late")))
      try await host.say(.streamEnd(request.id))
      #expect(try await caller.answer().text == "late")
    }
  }

  @Test("a slow caller holds its own stream, and the host goes on when it has read")
  func backPressure() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var (request, caller) = try await begin(lab, &host)
      #expect(request.window == nil)
      try await caller.channel.setOption(.autoRead, value: false).get()
      let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)
      var sent = 0
      var isPaused = false
      // Until the relay says stop: what the sockets themselves take is theirs.
      while !isPaused {
        let bytes = piece
        try await host.say(.streamChunk(request.id, bytes))
        sent += bytes.readableBytes
        try #require(sent < 512 << 20)
        // Another question shows that the tunnel is not held by that one stream.
        try await host.say(.requestChallenge)
        let frame = try await host.frame()
        if frame == .pause(request.id) { isPaused = true }
      }
      #expect(lab.board.budget.used > 0)
      try await caller.channel.setOption(.autoRead, value: true).get()
      caller.channel.read()
      while try await host.frame() != .resume(request.id) {}
      try await host.say(.streamEnd(request.id))
      #expect(try await caller.answer().body.readableBytes == sent)
      try await eventually { lab.board.budget.used == 0 }
    }
  }

  @Test("a host that understands windows is told how far the caller has read, and never to pause")
  func window() async throws {
    let settings = RelayLab.settings { $0.limits.streamBytes = 200_000 }
    try await RelayLab.run(settings) { lab in
      var host = try await TestHost.authenticated(
        lab, [Self.ada], features: [.base64, .cancel, .flow, .window])
      var (request, caller) = try await begin(lab, &host)
      try await caller.channel.setOption(.autoRead, value: false).get()
      var window = SendWindow(try #require(request.window))
      #expect(window.end == Int64(lab.board.limits.streamWindow))
      let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: StreamCutter.pieceBytes)
      var sent = 0
      var silences = 0
      // Until the relay has said nothing more for a while: what the sockets themselves take is theirs.
      while silences < 20 {
        while window.isOpen {
          window.spend(piece.readableBytes)
          try await host.say(.streamChunk(request.id, piece))
          sent += piece.readableBytes
        }
        try #require(sent < 512 << 20)
        // An answer shows that the relay has read all before.
        try await host.say(.requestChallenge)
        switch try await host.frame() {
        case .window(request.id, let end):
          window.widen(to: end)
          silences = 0
          // The answer to the question comes behind it.
          while case .window(request.id, let end) = try await host.frame() { window.widen(to: end) }
        case .challenge: silences += 1
        case let frame: throw TestHost.Unexpected(event: "\(frame)")
        }
      }
      #expect(lab.board.budget.used > 0 && lab.board.budget.used <= 200_000)
      try await caller.channel.setOption(.autoRead, value: true).get()
      caller.channel.read()
      while !window.isOpen {
        guard case .window(request.id, let end) = try await host.frame() else { continue }
        window.widen(to: end)
      }
      try await host.say(.streamEnd(request.id))
      #expect(try await caller.answer().body.readableBytes == sent)
      try await eventually { lab.board.budget.used == 0 }
    }
  }

  @Test("a host that sends on beyond its window is cut like one that knows of none, and its tunnel stays")
  func beyondTheWindow() async throws {
    let settings = RelayLab.settings { $0.limits.streamBytes = 1 << 20 }
    try await RelayLab.run(settings) { lab in
      var host = try await TestHost.authenticated(
        lab, [Self.ada], features: [.base64, .cancel, .flow, .window])
      let (request, caller) = try await begin(lab, &host)
      try await caller.channel.setOption(.autoRead, value: false).get()
      let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)
      var isCancelled = false
      for _ in 0..<2000 where !isCancelled {
        try await host.say(.streamChunk(request.id, piece))
        try await host.say(.requestChallenge)
        while true {
          let frame = try await host.frame()
          if frame == .cancel(request.id) { isCancelled = true }
          if case .challenge = frame { break }
        }
        #expect(lab.board.budget.used <= 1 << 20)
      }
      #expect(isCancelled)
      async let answer = Caller.ask(lab, host: Self.name)
      let next = try await host.request()
      try await host.say(.answer(RelayAnswer(id: next.id, status: 200)))
      #expect(try await answer.status == 200)
    }
  }

  @Test(
    "a caller that does not read costs the relay so much memory and no more; then its stream is broken off")
  func boundedMemory() async throws {
    let settings = RelayLab.settings { $0.limits.streamBytes = 1 << 20 }
    try await RelayLab.run(settings) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada], features: [])
      let (request, caller) = try await begin(lab, &host)
      try await caller.channel.setOption(.autoRead, value: false).get()
      let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)
      var most = 0
      var isCancelled = false
      for _ in 0..<2000 where !isCancelled {
        try await host.say(.streamChunk(request.id, piece))
        try await host.say(.requestChallenge)
        if try await host.frame() == .cancel(request.id) { isCancelled = true }
        most = max(most, lab.board.budget.used)
      }
      #expect(isCancelled && most <= 1 << 20)
      try await eventually { lab.board.budget.used == 0 }
    }
  }

  @Test("when the caller leaves a stream, the host is told")
  func departure() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      let (request, caller) = try await begin(lab, &host)
      await caller.close()
      #expect(try await host.frame() == .cancel(request.id))
      // What is on its way is dropped.
      try await host.say(.streamChunk(request.id, ByteBuffer(string: "x")))
      try await host.say(.streamEnd(request.id))
      try await eventually { lab.board.statistics.snapshot().events[.lateFrame] == 2 }
    }
  }
}
