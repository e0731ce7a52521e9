import Foundation
import Keyring
import Testing

@testable import Storage

@Suite("Sealed files, sudden ends and large content")
struct SealedFileCrashTests {
  private static func blobs(in home: String) throws -> BlobStore {
    BlobStore(folders: HostFolders(home: URL(filePath: home)), key: try TemporaryHost.key(1))
  }

  @Test(
    "a process that dies at any byte of a file leaves nothing under a final name",
    arguments: [0, 40, 88, 100, 65_536, 100_000])
  func anyByte(count: Int) async throws {
    let host = try TemporaryHost()
    let home = host.folders.data.deletingLastPathComponent().path
    await #expect(processExitsWith: .signal(SIGXFSZ)) { [home = home as String, count = count as Int] in
      var none = rlimit(rlim_cur: 0, rlim_max: 0)
      setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
      signal(SIGXFSZ, SIG_DFL)
      var ending = sigset_t()
      sigemptyset(&ending)
      sigaddset(&ending, SIGXFSZ)
      pthread_sigmask(SIG_UNBLOCK, &ending, nil)
      var bound = rlimit(rlim_cur: UInt(count), rlim_max: UInt(count))
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &bound)
      let store = try Self.blobs(in: home)
      try store.place(store.stage(Data(repeating: 1, count: 200_000)))
    }
    let store = try Self.blobs(in: home)
    #expect(try store.names().isEmpty)
    let folder = host.folders.data.appending(path: "chat/blobs").path
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
    // What is left over is not touched while it may be at work, and goes later.
    try store.removeUnfinished(olderThan: 3600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
    try store.removeUnfinished(olderThan: 3600, now: Date() + 7200)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test("what is staged and not placed is gone with the value")
  func notPlaced() throws {
    let blobs = try TemporaryBlobs()
    do {
      let staged = try blobs.store.stage(Data(repeating: 1, count: 10))
      withExtendedLifetime(staged) {}
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: blobs.folder.path).isEmpty)
    #expect(throws: StorageError.malformedKey) {
      _ = try blobs.store.stage { () throws(StorageError) in throw .malformedKey }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: blobs.folder.path).isEmpty)
  }

  @Test("200 MB are sealed and opened in the memory of a few chunks")
  func large() async throws {
    let host = try TemporaryHost()
    let home = host.folders.data.deletingLastPathComponent().path
    await #expect(processExitsWith: .success) { [home = home as String] in
      let store = try Self.blobs(in: home)
      let piece = Data((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
      var left = 200
      let before = try #require(Self.peak())
      let staged = try store.stage { () throws(StorageError) in
        left -= 1
        return left >= 0 ? piece : nil
      }
      try store.place(staged)
      var count = 0
      try store.read(staged.name) { chunk in
        count += chunk.count
        return true
      }
      let after = try #require(Self.peak())
      #expect(count == 200_000_000)
      #expect(after - before < 16 << 10, "grew by \(after - before) KiB")
    }
  }

  /// The most memory that this process had so far, in KiB.
  private static func peak() -> Int? {
    let status = try? FileHandle(forReadingFrom: URL(filePath: "/proc/self/status")).readToEnd()
    return String(decoding: status ?? Data(), as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix("VmHWM:") }?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }
  }
}
