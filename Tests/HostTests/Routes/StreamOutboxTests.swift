import NIOCore
import Testing

@testable import Host

@Suite("What is written but not yet sent of a stream")
struct StreamOutboxTests {
  @Test("what gathers leaves in one piece, in order, and then the end")
  func gathers() async throws {
    let outbox = StreamOutbox()
    try await outbox.write { $0.writeString("a") }
    try await outbox.write { $0.writeString("b") }
    outbox.finish()
    #expect(await outbox.next().map { String(buffer: $0) } == "ab")
    #expect(await outbox.next() == nil)
  }

  @Test("a maker waits while too much has gathered")
  func waits() async throws {
    let outbox = StreamOutbox()
    let piece = [UInt8](repeating: 1, count: 1 << 14)
    async let made: Void = {
      for _ in 0..<64 { try await outbox.write { $0.writeBytes(piece) } }
      outbox.finish()
    }()
    var (largest, total) = (0, 0)
    while let bytes = await outbox.next() {
      largest = max(largest, bytes.readableBytes)
      total += bytes.readableBytes
      await Task.yield()
    }
    try await made
    #expect(total == 64 << 14)
    #expect(largest <= StreamOutbox.highWater + piece.count)
  }

  @Test("a maker whose reader has gone is told")
  func abandoned() async {
    let outbox = StreamOutbox()
    outbox.finish()
    await #expect(throws: CancellationError.self) { try await outbox.write { $0.writeString("a") } }
  }

  @Test("a maker that waits is let go when it is cancelled")
  func cancelledMaker() async {
    let outbox = StreamOutbox()
    let maker = Task { try await outbox.write { $0.writeRepeatingByte(1, count: StreamOutbox.highWater) } }
    maker.cancel()
    await #expect(throws: CancellationError.self) { try await maker.value }
  }

  @Test("a reader that waits is let go when it is cancelled")
  func cancelledReader() async {
    let outbox = StreamOutbox()
    let reader = Task { await outbox.next() }
    reader.cancel()
    #expect(await reader.value == nil)
  }

  @Test("a tick says something only where nothing was said")
  func ticks() async throws {
    let outbox = StreamOutbox()
    try await outbox.write { $0.writeString("a") }
    #expect(await outbox.next().map { String(buffer: $0) } == "a")
    outbox.tick(ByteBuffer(string: ": ping\n\n"))
    outbox.tick(ByteBuffer(string: ": ping\n\n"))
    outbox.finish()
    #expect(await outbox.next().map { String(buffer: $0) } == ": ping\n\n")
    #expect(await outbox.next() == nil)
  }
}
