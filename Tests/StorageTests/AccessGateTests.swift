import Synchronization
import Testing

@testable import Storage

@Suite("The gate before the databases")
struct AccessGateTests {
  private let gate = AccessGate()

  /// Lets a test say when something that is inside goes on.
  private final class Door: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }
    func wait() async { for await _ in stream {} }
  }

  private final class Count: Sendable {
    private let count = Mutex(0)

    var now: Int { count.withLock { $0 } }
    func add(_ number: Int) { count.withLock { $0 += number } }
  }

  private func untilWaiting(_ count: Int) async {
    while gate.waitingCount < count { await Task.yield() }
  }

  @Test("who writes is held back, who reads is not, and both go on when it is over")
  func writersWait() async throws {
    try await gate.hold(.writing, patience: .seconds(20))
    let writer = Task { try await gate.pass(.writing) { true } }
    await untilWaiting(1)
    #expect(try await gate.pass(.reading) { true })
    try await gate.hold(.reading, patience: .seconds(20))
    let reader = Task { try await gate.pass(.reading) { true } }
    await untilWaiting(2)
    gate.release()
    let both = (try await writer.value, try await reader.value)
    #expect(both == (true, true))
    #expect(gate.waitingCount == 0)
  }

  @Test("whoever holds others back waits for those who are inside")
  func drained() async throws {
    let (door, inside) = (Door(), Door())
    let left = Count()
    let writer = Task {
      try await gate.pass(.writing) {
        inside.open()
        await door.wait()
        left.add(1)
      }
    }
    await inside.wait()
    let holder = Task { try await gate.hold(.writing, patience: .seconds(20)) }
    let late = Task { try await gate.pass(.writing) { left.now } }
    door.open()
    try await holder.value
    #expect(left.now == 1)
    try await writer.value
    gate.release()
    #expect(try await late.value == 1)
  }

  @Test("who never leaves makes holding fail, and nobody is held back then")
  func neverLeaves() async throws {
    let (door, inside) = (Door(), Door())
    let reader = Task {
      try await gate.pass(.reading) {
        inside.open()
        await door.wait()
      }
    }
    await inside.wait()
    await #expect(throws: StorageError.inUse) { try await gate.hold(.reading, patience: .zero) }
    #expect(try await gate.pass(.reading) { true })
    #expect(try await gate.pass(.writing) { true })
    door.open()
    try await reader.value
  }

  @Test("who is inside to write enters again while others are held back, and what it leaves running does not")
  func reentry() async throws {
    let (door, inside, over) = (Door(), Door(), Door())
    let writer = Task { [gate] in
      try await gate.pass(.writing) {
        inside.open()
        await door.wait()
        let again = try await gate.pass(.writing) { try await gate.pass(.reading) { 7 } }
        let left = Task {
          await over.wait()
          return try await gate.pass(.writing) { 8 }
        }
        return (again, left)
      }
    }
    await inside.wait()
    let holder = Task { try await gate.hold(.writing, patience: .seconds(20)) }
    let late = Task {
      await over.wait()
      return try await gate.pass(.writing) { 9 }
    }
    door.open()
    let (again, left) = try await writer.value
    #expect(again == 7)
    try await holder.value
    over.open()
    await untilWaiting(2)
    gate.release()
    let rest = (try await left.value, try await late.value)
    #expect(rest == (8, 9))
  }

  @Test("who waits outside may be cancelled, and takes nobody's place")
  func cancelled() async throws {
    try await gate.hold(.writing, patience: .seconds(20))
    let writer = Task { try await gate.pass(.writing) { true } }
    await untilWaiting(1)
    writer.cancel()
    await #expect(throws: CancellationError.self) { try await writer.value }
    #expect(gate.waitingCount == 0)
    gate.release()
    try await gate.hold(.writing, patience: .zero)
    let cancelledBefore = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await gate.pass(.writing) { true }
    }
    await #expect(throws: CancellationError.self) { try await cancelledBefore.value }
  }

  @Test("under many who come and go nobody is lost, and none is inside while all are held back")
  func many() async throws {
    let inside = Count()
    let done = Count()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask {
          try await gate.pass(number.isMultiple(of: 2) ? .reading : .writing) {
            inside.add(1)
            await Task.yield()
            inside.add(-1)
          }
          done.add(1)
        }
      }
      for _ in 0..<20 {
        try await gate.hold(.writing, patience: .seconds(20))
        try await gate.hold(.reading, patience: .seconds(20))
        #expect(inside.now == 0)
        gate.release()
        await Task.yield()
      }
      try await group.waitForAll()
    }
    #expect(done.now == 200)
  }
}
