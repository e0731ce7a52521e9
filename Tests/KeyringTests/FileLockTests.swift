import Foundation
import Synchronization
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#endif

@Suite("Locks between processes")
struct FileLockTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private var file: URL { folder.url.appending(path: "lock") }

  @Test("a lock that is held is not given to anybody else, and is free again afterwards")
  func exclusive() throws {
    var held: FileLock? = try FileLock(tryFor: file)
    #expect(held != nil)
    #expect(try FileLock(tryFor: file) == nil)
    held = nil
    #expect(try FileLock(tryFor: file) != nil)
    #expect(try folder.mode(of: "lock") == 0o600)
  }

  @Test("whoever waits gets the lock when it is let go, and not before")
  func waiting() async throws {
    let file = file
    let isReleased = Atomic(false)
    var held: FileLock? = try FileLock(waitingFor: file)
    async let wasReleased = Self.whenLocked(file) { isReleased.load(ordering: .sequentiallyConsistent) }
    isReleased.store(true, ordering: .sequentiallyConsistent)
    withExtendedLifetime(held) {}
    held = nil
    #expect(try await wasReleased)
  }

  private static func whenLocked(_ file: URL, _ body: @Sendable () -> Bool) async throws -> Bool {
    let lock = try FileLock(waitingFor: file)
    return withExtendedLifetime(lock) { body() }
  }

  @Test("a task that waits gets the lock when it is let go, or hears that it was held all the time")
  func waitingTask() async throws {
    let file = file
    var held: FileLock? = try FileLock(waitingFor: file)
    #expect(try await FileLock.waiting(for: file, patience: .zero) == nil)
    async let isGiven = FileLock.waiting(for: file, patience: .seconds(500)) != nil
    withExtendedLifetime(held) {}
    held = nil
    #expect(try await isGiven)
  }

  private final class Inside: Sendable {
    let count = Atomic(0)
  }

  @Test("many tasks of one process take turns")
  func tasks() async throws {
    let file = file
    let inside = Inside()
    try await withThrowingTaskGroup { group in
      for _ in 0..<8 {
        group.addTask {
          let lock = try #require(try await FileLock.waiting(for: file, patience: .seconds(500)))
          #expect(inside.count.add(1, ordering: .sequentiallyConsistent).newValue == 1)
          await Task.yield()
          inside.count.subtract(1, ordering: .sequentiallyConsistent)
          withExtendedLifetime(lock) {}
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("the lock of a process that is killed is free")
  func killed() async throws {
    let path = file.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let lock = try #require(try FileLock(tryFor: URL(filePath: path)))
      withExtendedLifetime(lock) { _ = kill(getpid(), SIGKILL) }
    }
    #expect(FileManager.default.fileExists(atPath: path))
    #expect(try FileLock(tryFor: file) != nil)
  }

  @Test("a lock in a folder that is not there is refused")
  func noFolder() throws {
    let nowhere = folder.url.appending(path: "no/lock")
    let expected = KeyringError.file(path: nowhere.path, reason: "No such file or directory")
    #expect(throws: expected) { _ = try FileLock(tryFor: nowhere) }
    #expect(throws: expected) { _ = try FileLock(waitingFor: nowhere) }
  }
}
