import NIOCore
import Synchronization
import Testing

@testable import Relay

@Suite("Answers through a tunnel")
struct TunnelAnswerTests {
  private final class Sent: Sendable {
    private let all = Mutex<[HostFrame]>([])
    var frames: [HostFrame] { all.withLock { $0 } }
    func add(_ frame: HostFrame) { all.withLock { $0.append(frame) } }
  }

  private let id = RequestID("one")!
  private let sent = Sent()

  private func answer(
    _ features: TunnelFeatures = [.base64, .cancel], window: Int64? = nil,
    patience: @escaping @Sendable () async throws -> Void = { try await Task.sleep(for: .seconds(600)) }
  ) -> TunnelAnswer {
    TunnelAnswer(to: id, features: features, window: window, patience: patience) { [sent] in sent.add($0) }
  }

  private func error(_ status: Int, _ code: String) -> HostFrame {
    .answer(
      RelayAnswer(
        id: id, status: status, headers: ["content-type": "application/json"],
        body: ByteBuffer(string: "{\"error\":\"\(code)\"}")))
  }

  @Test("an answer in one piece is one frame")
  func whole() async throws {
    let answer = answer([])
    try await answer.send(status: 200, headers: ["a": "b"], body: ByteBuffer(string: "hello"))
    await answer.conclude()
    #expect(
      sent.frames == [
        .answer(RelayAnswer(id: id, status: 200, headers: ["a": "b"], body: ByteBuffer(string: "hello")))
      ])
  }

  @Test("bytes that are no text go to a relay that takes them, and to another one a 502 goes in their place")
  func binary() async throws {
    let bytes = ByteBuffer(bytes: [0xff, 0x00, 0xfe])
    try await answer().send(status: 200, headers: [:], body: bytes)
    try await answer([]).send(status: 200, headers: [:], body: bytes)
    #expect(
      sent.frames == [
        .answer(RelayAnswer(id: id, status: 200, body: bytes)), error(502, "binary_unsupported"),
      ])
    let stream = answer([.cancel])
    try await stream.start(status: 200, headers: [:])
    await #expect(throws: TunnelAnswer.Failure.binaryUnsupported) {
      try await stream.write(ByteBuffer(bytes: [0xff, 0x0a]))
    }
  }

  @Test("a stream keeps its characters whole, and its end is said")
  func stream() async throws {
    let answer = answer([])
    try await answer.start(status: 200, headers: ["content-type": "text/event-stream"])
    let text = "data: \u{1f995}\n\nda"
    for byte in text.utf8 { try await answer.write(ByteBuffer(bytes: [byte])) }
    try await answer.finish()
    await answer.conclude()
    let pieces = sent.frames.compactMap { frame -> String? in
      guard case .streamChunk(_, let piece) = frame else { return nil }
      return String(buffer: piece)
    }
    #expect(pieces == ["data: \u{1f995}\n", "\n", "da"])
    #expect(
      sent.frames.first
        == .streamStart(RelayAnswerHead(id: id, status: 200, headers: ["content-type": "text/event-stream"])))
    #expect(sent.frames.last == .streamEnd(id))
  }

  @Test("what is not finished is broken off and never ended; what is not answered fails")
  func brokenOff() async throws {
    let stream = answer()
    try await stream.start(status: 200, headers: [:])
    try await stream.write(ByteBuffer(string: "half"))
    await stream.conclude()
    await stream.conclude()
    #expect(sent.frames == [.streamStart(RelayAnswerHead(id: id, status: 200)), .cancel(id)])
    await answer().conclude()
    #expect(sent.frames.last == error(502, "local_server_error"))
    let silent = answer([])
    try await silent.start(status: 200, headers: [:])
    await silent.conclude()
    #expect(sent.frames.last == .streamStart(RelayAnswerHead(id: id, status: 200)))
  }

  @Test("an answer is given once")
  func once() async throws {
    let answer = answer()
    try await answer.fail(status: 503, code: "server_overloaded")
    await #expect(throws: TunnelAnswer.Failure.misused) { try await answer.fail(status: 500, code: "x") }
    await #expect(throws: TunnelAnswer.Failure.misused) { try await answer.start(status: 200, headers: [:]) }
    await #expect(throws: TunnelAnswer.Failure.misused) { try await answer.write(ByteBuffer(string: "x")) }
    await #expect(throws: TunnelAnswer.Failure.misused) { try await answer.finish() }
    #expect(sent.frames == [error(503, "server_overloaded")])
  }

  @Test("a stream that is held waits, and goes on when it is wanted, or ends when nobody waits")
  func held() async throws {
    let answer = answer()
    try await answer.start(status: 200, headers: [:])
    answer.pause()
    let (started, start) = AsyncStream.makeStream(of: Void.self)
    let writing = Task {
      start.finish()
      try await answer.write(ByteBuffer(string: "one\n"))
    }
    for await _ in started {}
    #expect(sent.frames.count == 1)
    answer.resume()
    try await writing.value
    #expect(sent.frames.count == 2)
    answer.pause()
    let abandoned = Task { try await answer.write(ByteBuffer(string: "two\n")) }
    abandoned.cancel()
    await #expect(throws: CancellationError.self) { try await abandoned.value }
    #expect(sent.frames.count == 2)
  }

  /// A line of so many bytes, which costs 512 more.
  private func line(_ bytes: Int) -> ByteBuffer {
    ByteBuffer(string: String(repeating: "x", count: bytes - 1) + "\n")
  }

  @Test("a stream goes as far as its window and one piece beyond, and on when the relay says so")
  func window() async throws {
    let answer = answer(window: 2000)
    try await answer.start(status: 200, headers: [:])
    // 1012 and 1012: the second one goes beyond.
    for _ in 0..<2 { try await answer.write(line(500)) }
    #expect(sent.frames.count == 3)
    let writing = Task { try await answer.write(line(500)) }
    // As far as it went is not further, and neither is less.
    for end: Int64 in [0, 2000, 2024, 1] { answer.widen(to: end) }
    #expect(sent.frames.count == 3)
    answer.widen(to: 2025)
    try await writing.value
    #expect(sent.frames.count == 4)
    answer.widen(to: .max)
    for _ in 0..<5 { try await answer.write(line(500)) }
    answer.widen(to: 0)
    try await answer.finish()
    #expect(sent.frames.count == 10 && sent.frames.last == .streamEnd(id))
  }

  @Test("what is over needs no window, and its head and its end wait for none")
  func windowless() async throws {
    let answer = answer(window: 0)
    try await answer.start(status: 200, headers: [:])
    try await answer.finish()
    answer.widen(to: .max)
    #expect(sent.frames == [.streamStart(RelayAnswerHead(id: id, status: 200)), .streamEnd(id)])
    let whole = self.answer(window: 0)
    try await whole.send(status: 200, headers: [:], body: line(5000))
    #expect(sent.frames.count == 3)
  }

  @Test("a pause holds a stream whose window is open, and a window one that is not paused")
  func windowAndPause() async throws {
    let answer = answer([.flow, .window], window: 0)
    try await answer.start(status: 200, headers: [:])
    answer.pause()
    let writing = Task { try await answer.write(line(10)) }
    answer.widen(to: 1)
    #expect(sent.frames.count == 1)
    answer.resume()
    try await writing.value
    #expect(sent.frames.count == 2)
  }

  @Test("a relay that never opens the window keeps a stream for as long as the host has patience")
  func impatience() async throws {
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    let answer = answer(window: 0, patience: { for await _ in ends {} })
    try await answer.start(status: 200, headers: [:])
    let writing = Task { try await answer.write(line(10)) }
    end.finish()
    await #expect(throws: TunnelAnswer.Failure.unread) { try await writing.value }
    await answer.conclude()
    #expect(sent.frames.last == .cancel(id))
  }
}
