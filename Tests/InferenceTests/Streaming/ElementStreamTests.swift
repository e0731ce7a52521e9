import Synchronization
import Testing

@testable import Inference

@Suite("Streams of answers", .timeLimit(.minutes(10)))
struct ElementStreamTests {
  private struct Failure: Error, Equatable {}

  /// A stream that never ends, and what tells that its task has.
  private func endless() -> (ElementStream<Int>, Handoff<Int>) {
    let ended = Handoff<Int>(capacity: 2)
    let stream = ElementStream<Int>(capacity: 4) { sink in
      defer { ended.finish() }
      for number in 0... { try await sink.send(number) }
    }
    return (stream, ended)
  }

  @Test("elements arrive in order, then the end")
  func delivers() async throws {
    var numbers: [Int] = []
    for try await number in ElementStream(Array(0..<100)) { numbers.append(number) }
    #expect(numbers == Array(0..<100))
  }

  @Test("what was sent before an error arrives before it")
  func deliversBeforeError() async throws {
    let stream = ElementStream<Int> { sink in
      try await sink.send(1)
      throw Failure()
    }
    var iterator = stream.makeAsyncIterator()
    #expect(try await iterator.next() == 1)
    await #expect(throws: Failure.self) { try await iterator.next() }
  }

  @Test("the maker waits for a slow consumer")
  func holdsBack() async throws {
    let made = Atomic(0)
    let stream = ElementStream<Int>(capacity: 2) { sink in
      for number in 1...100 {
        made.store(number, ordering: .sequentiallyConsistent)
        try await sink.send(number)
      }
    }
    var read = 0
    for try await number in stream {
      read += 1
      #expect(number == read)
      #expect(made.load(ordering: .sequentiallyConsistent) <= read + 3)
    }
    #expect(read == 100)
  }

  @Test("leaving the loop ends the maker")
  func endsWithLoop() async throws {
    let (stream, ended) = endless()
    for try await number in stream where number == 3 { break }
    #expect(try await ended.next() == nil)
  }

  @Test("dropping a stream that nobody read ends the maker")
  func endsWithStream() async throws {
    var (stream, ended): (ElementStream<Int>?, Handoff<Int>) = endless()
    _ = stream
    stream = nil
    #expect(try await ended.next() == nil)
  }

  @Test("cancelling the consumer ends the maker")
  func endsWithTask() async throws {
    let (stream, ended) = endless()
    let started = Handoff<Int>(capacity: 2)
    let task = Task {
      for try await _ in stream { try? await started.send(1) }
    }
    #expect(try await started.next() == 1)
    started.abandon()
    task.cancel()
    #expect(try await ended.next() == nil)
    _ = await task.result
  }

  @Test("silence is noticed, and signs of life put it off")
  func noticesSilence() async throws {
    await #expect(throws: Silence.TooLong.self) {
      try await Silence.limit(.milliseconds(20)) { _ in try await Task.sleep(for: .seconds(60)) }
    }
    let result = try await Silence.limit(.milliseconds(20)) { silence in
      silence.isBroken(next: .seconds(60))
      try await Task.sleep(for: .milliseconds(40))
      return 1
    }
    #expect(result == 1)
  }
}
