import Foundation
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#endif

@Suite("Files for their owner alone")
struct PrivateFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func file(_ name: String) -> URL { folder.url.appending(path: name) }

  private func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
  }

  private func refusal(_ body: () throws -> Void) -> KeyringError? {
    do {
      try body()
      return nil
    } catch {
      return error as? KeyringError
    }
  }

  @Test(
    "what is written is read back whole, 0600, and leaves nothing beside it",
    arguments: [0, 1, 4096, 100_000])
  func replace(size: Int) throws {
    let content = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
    try PrivateFile.replace(file("a"), with: [9, 9, 9])
    try PrivateFile.replace(file("a"), with: content)
    #expect(try PrivateFile.read(file("a"), limit: size) == content)
    #expect(try folder.mode(of: "a") == 0o600)
    #expect(try names() == ["a"])
  }

  @Test("there is nothing to read where there is no file")
  func missing() throws {
    #expect(try PrivateFile.read(file("a"), limit: 10) == nil)
    #expect(try PrivateFile.read(file("no/folder/a"), limit: 10) == nil)
  }

  @Test("a file that is larger than it may be is refused")
  func tooLarge() throws {
    try PrivateFile.replace(file("a"), with: [1, 2, 3])
    let expected = KeyringError.file(path: file("a").path, reason: "is larger than 2 bytes")
    #expect(throws: expected) { _ = try PrivateFile.read(file("a"), limit: 2) }
  }

  @Test(
    "a file that others may open is refused, with the command that mends it",
    arguments: [0o640, 0o604, 0o620, 0o660])
  func permissions(mode: Int) throws {
    let awkward = file("it's")
    try PrivateFile.replace(awkward, with: [1])
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: awkward.path)
    let mend = "chmod 600 '\(folder.url.path)/it'\\''s'"
    #expect(throws: KeyringError.unsafePermissions(path: awkward.path, mend: mend)) {
      _ = try PrivateFile.read(awkward, limit: 10)
    }
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = ["-c", mend]
    try shell.run()
    shell.waitUntilExit()
    #expect(try PrivateFile.read(awkward, limit: 10) == [1])
  }

  @Test(
    "a symbolic link is never followed: not to read, not to make, and a replacement replaces the link itself")
  func symbolicLinks() throws {
    try PrivateFile.replace(file("target"), with: [1])
    try FileManager.default.createSymbolicLink(at: file("link"), withDestinationURL: file("target"))
    try FileManager.default.createSymbolicLink(at: file("dangling"), withDestinationURL: file("nowhere"))
    for name in ["link", "dangling"] {
      let expected = KeyringError.file(path: file(name).path, reason: "is a symbolic link")
      #expect(throws: expected) { _ = try PrivateFile.read(file(name), limit: 10) }
      #expect(throws: expected) { try PrivateFile.createIfMissing(file(name)) }
      #expect(throws: expected) { _ = try PrivateFile.isThere(file(name)) }
      #expect(throws: expected) { _ = try FileLock(waitingFor: file(name)) }
    }
    try PrivateFile.replace(file("link"), with: [2])
    #expect(try PrivateFile.read(file("link"), limit: 10) == [2])
    #expect(try PrivateFile.read(file("target"), limit: 10) == [1])
    #expect(try names() == ["dangling", "link", "target"])
  }

  @Test("a pipe or a folder in a file's place is refused and not waited for")
  func otherKinds() throws {
    #expect(mkfifo(file("pipe").path, 0o600) == 0)
    try PrivateFile.makeFolder(file("folder"))
    for name in ["pipe", "folder"] {
      let expected = KeyringError.file(path: file(name).path, reason: "is not a plain file")
      #expect(throws: expected) { _ = try PrivateFile.read(file(name), limit: 10) }
      #expect(refusal { try PrivateFile.createIfMissing(file(name)) } == expected)
    }
  }

  @Test("a replacement that cannot take the place says why and leaves everything as it was")
  func replacementRefused() throws {
    try PrivateFile.makeFolder(file("full"))
    try PrivateFile.replace(file("full/inside"), with: [1])
    #expect(throws: KeyringError.file(path: file("full").path, reason: "Is a directory")) {
      try PrivateFile.replace(file("full"), with: [2])
    }
    #expect(try PrivateFile.read(file("full/inside"), limit: 10) == [1])
    #expect(throws: KeyringError.file(path: file("no/folder").path, reason: "No such file or directory")) {
      try PrivateFile.replace(file("no/folder"), with: [2])
    }
    #expect(try names() == ["full"])
  }

  @Test("a disk that fills up on the way leaves the old content, and no half of the new one")
  func fullDisk() async throws {
    let path = file("a").path
    try PrivateFile.replace(file("a"), with: [1, 2, 3])
    // The kernel refuses to let a file of this process grow, as it would on a full disk.
    await #expect(processExitsWith: .success) { [path = path as String] in
      signal(SIGXFSZ, SIG_IGN)
      var before = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
      var limit = rlimit(rlim_cur: 1000, rlim_max: before.rlim_max)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
      defer { setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before) }
      #expect(throws: KeyringError.file(path: path, reason: "File too large")) {
        try PrivateFile.replace(URL(filePath: path), with: Array(repeating: 7, count: 5000))
      }
    }
    #expect(try PrivateFile.read(file("a"), limit: 10) == [1, 2, 3])
    #expect(try names() == ["a"])
  }

  @Test("a process that is killed while it replaces a file leaves the old content or the new one")
  func killed() async throws {
    let path = file("a").path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let file = URL(filePath: path)
      try PrivateFile.replace(file, with: Array(repeating: 0, count: 50_000))
      let victim = getpid()
      Thread.detachNewThread { kill(victim, SIGKILL) }
      while true {
        for round in UInt8(1)...255 {
          try PrivateFile.replace(file, with: Array(repeating: round, count: 50_000))
        }
      }
    }
    let content = try #require(try PrivateFile.read(file("a"), limit: 50_000))
    #expect(content.count == 50_000)
    #expect(Set(content).count == 1)
  }

  @Test("an empty file is made 0600 once, and what is there is kept")
  func createIfMissing() throws {
    try PrivateFile.createIfMissing(file("a"))
    #expect(try folder.mode(of: "a") == 0o600)
    try PrivateFile.replace(file("a"), with: [1])
    try PrivateFile.createIfMissing(file("a"))
    #expect(try PrivateFile.read(file("a"), limit: 10) == [1])
  }

  @Test("a file that is there is not opened, since closing it would end the locks of this process on it")
  func keepsLocks() async throws {
    try PrivateFile.createIfMissing(file("a"))
    let descriptor = open(file("a").path, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    var wanted = flock(
      l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    #expect(fcntl(descriptor, F_SETLK, &wanted) == 0)
    try PrivateFile.createIfMissing(file("a"))
    #expect(try PrivateFile.isThere(file("a")))
    // A process does not see its own locks, so another one looks.
    let path = file("a").path
    await #expect(processExitsWith: .success) { [path = path as String] in
      let descriptor = open(path, O_RDWR | O_CLOEXEC)
      var found = flock(
        l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
      #expect(fcntl(descriptor, F_GETLK, &found) == 0)
      #expect(found.l_type == Int16(F_WRLCK))
    }
  }

  @Test("what is in a file's place, or is not there, is told apart")
  func isThere() throws {
    #expect(try !PrivateFile.isThere(file("a")))
    #expect(try !PrivateFile.isThere(file("no/folder/a")))
    try PrivateFile.replace(file("a"), with: [1])
    #expect(try PrivateFile.isThere(file("a")))
    #expect(throws: KeyringError.file(path: file("a/b").path, reason: "Not a directory")) {
      _ = try PrivateFile.isThere(file("a/b"))
    }
  }

  @Test("a folder is made 0700 with the folders above it, and accepted when it is there")
  func makeFolder() throws {
    for _ in 0..<2 { try PrivateFile.makeFolder(file("one/two/three")) }
    for name in ["one", "one/two", "one/two/three"] { #expect(try folder.mode(of: name) == 0o700, "\(name)") }
  }

  @Test("a folder that others may enter is refused and not changed", arguments: [0o701, 0o710, 0o755, 0o777])
  func openFolder(mode: Int) throws {
    try PrivateFile.makeFolder(file("a"))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file("a").path)
    let mend = "chmod 700 '\(file("a").path)'"
    #expect(throws: KeyringError.unsafePermissions(path: file("a").path, mend: mend)) {
      try PrivateFile.makeFolder(file("a"))
    }
    #expect(try folder.mode(of: "a") == mode)
  }

  @Test("a folder of somebody else is refused, with the command that mends it")
  func foreignFolder() throws {
    // Root's own folders for everybody, and a given-away one for root.
    var foreign = URL(filePath: "/usr")
    if geteuid() == 0 {
      foreign = file("theirs")
      try PrivateFile.makeFolder(foreign)
      #expect(chown(foreign.path, 65534, 65534) == 0)
    }
    let mend = "sudo chown -R $(id -un) '\(foreign.path)'"
    #expect(throws: KeyringError.unsafePermissions(path: foreign.path, mend: mend)) {
      try PrivateFile.makeFolder(foreign)
    }
  }

  @Test("a file in the way of a folder is refused and kept")
  func fileInTheWay() throws {
    try PrivateFile.replace(file("a"), with: [1])
    #expect(throws: KeyringError.file(path: file("a").path, reason: "is in the way of a folder")) {
      try PrivateFile.makeFolder(file("a"))
    }
    #expect(throws: KeyringError.file(path: file("a/b").path, reason: "Not a directory")) {
      try PrivateFile.makeFolder(file("a/b"))
    }
    #expect(try PrivateFile.read(file("a"), limit: 10) == [1])
  }
}
