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
