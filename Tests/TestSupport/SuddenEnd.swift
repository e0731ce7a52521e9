public import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// When a process is killed, as a seed says: after so many of its acknowledgements, and so many microseconds more.
///
/// The test makes one, hands it to an exit test, which works as a ``Victim`` until `SIGKILL` takes it, and then looks at what was
/// acknowledged and at what is there:
///
///     let end = SuddenEnd(seed: seed, journal: …)
///     await #expect(processExitsWith: .signal(SIGKILL)) { [end = end as SuddenEnd] in
///       let victim = Victim(end)
///       for number in 1... {
///         try write(number)
///         victim.acknowledge("\(number)")
///       }
///     }
///     let acknowledged = try end.acknowledged()
public struct SuddenEnd: Codable, Hashable, Sendable {
  /// Where acknowledgements are noted: outside of the folder that is tested.
  let journal: String
  /// How many of them come first; with none, the time counts from the beginning of the work.
  public let acknowledgements: Int
  /// How long it lives after them.
  public let microseconds: Int

  /// - Parameters:
  ///   - acknowledgements: how many acknowledgements may come first.
  ///   - time: how long the work, or the step after an acknowledgement, may take.
  public init(
    seed: UInt64, journal: URL, acknowledgements: ClosedRange<Int> = 0...20,
    time: ClosedRange<Duration> = .zero ... .milliseconds(20)
  ) {
    var generator = SeededGenerator(seed: seed)
    self.journal = journal.path
    self.acknowledgements = Int.random(in: acknowledgements, using: &generator)
    func microseconds(_ duration: Duration) -> Int { Int(duration / .microseconds(1)) }
    self.microseconds = Int.random(
      in: microseconds(time.lowerBound)...microseconds(time.upperBound), using: &generator)
  }

  /// What was acknowledged, in order.
  public func acknowledged() throws -> [String] {
    guard FileManager.default.fileExists(atPath: journal) else { return [] }
    let text = String(decoding: try Data(contentsOf: URL(filePath: journal)), as: UTF8.self)
    // A line without its end was not finished.
    return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }
}

/// The process that is killed, in the exit test: it says what it has done, until it is gone.
public final class Victim: Sendable {
  private let end: SuddenEnd
  private let journal: Int32
  private let count = Mutex(0)

  /// Begins the work. A process that is not killed within two minutes ends by `SIGALRM`.
  public init(_ end: SuddenEnd) {
    self.end = end
    journal = open(end.journal, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
    precondition(journal >= 0, "the journal does not open")
    alarm(120)
    if end.acknowledgements == 0 { die() }
  }

  /// Notes that a piece of work is done: from here on it must not be lost.
  public func acknowledge(_ what: String) {
    precondition(!what.contains("\n"))
    let line = Array((what + "\n").utf8)
    count.withLock { count in
      precondition(write(journal, line, line.count) == line.count, "the journal cannot be written")
      count += 1
      if count == end.acknowledgements { die() }
    }
  }

  /// All of the work is done before the time came.
  public func finish() -> Never {
    kill(getpid(), SIGKILL)
    fatalError("SIGKILL lets nobody go on")
  }

  private func die() {
    Thread.detachNewThread { [end] in
      usleep(useconds_t(end.microseconds))
      kill(getpid(), SIGKILL)
    }
  }
}
