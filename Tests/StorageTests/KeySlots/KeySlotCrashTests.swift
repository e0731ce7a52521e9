import Foundation
import Identity
import Keyring
import SecretMemory
import TestSupport
import Testing

@testable import Storage

@Suite("Key slots and sudden ends")
struct KeySlotCrashTests {
  private static let host = UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))

  /// Known to every process of a test.
  private static func master() throws -> MasterKey {
    try MasterKey(entropy: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: 7, count: 32)) })
  }

  private static func passphrase() throws -> SlotSecret {
    .passphrase(
      try Passphrase(typed: SecretBytes(count: 16) { $0.copyBytes(from: [UInt8](repeating: 65, count: 16)) }))
  }

  private static func file(in home: String) -> KeySlotFile {
    KeySlotFile(folders: HostFolders(home: URL(filePath: home)), host: host)
  }

  @Test(
    "a process that dies at any byte of the new file leaves the old one",
    arguments: [0, 1, 40, 300, 500])
  func anyByte(count: Int) async throws {
    let host = try TemporaryHost()
    let home = host.folders.data.deletingLastPathComponent().path
    let key = try TemporaryHost.key(1)
    let file = Self.file(in: home)
    try file.add(.phrase(Self.master()), for: key)
    let before = try Data(contentsOf: file.file)
    await #expect(processExitsWith: .signal(SIGXFSZ)) { [home = home as String, count = count as Int] in
      var none = rlimit(rlim_cur: 0, rlim_max: 0)
      setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
      signal(SIGXFSZ, SIG_DFL)
      var ending = sigset_t()
      sigemptyset(&ending)
      sigaddset(&ending, SIGXFSZ)
      pthread_sigmask(SIG_UNBLOCK, &ending, nil)
      // The kernel ends who writes beyond this many bytes of any file.
      var bound = rlimit(rlim_cur: UInt(count), rlim_max: UInt(count))
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &bound)
      try Self.file(in: home).add(
        Self.passphrase(), for: TemporaryHost.key(1), cost: Argon2Parameters(operations: 1, memory: 64 << 20))
    }
    #expect(try Data(contentsOf: file.file) == before)
    // What the dead process left is in nobody's way.
    try file.add(
      Self.passphrase(), for: key, cost: Argon2Parameters(operations: 1, memory: 64 << 20))
    let slots = try #require(try file.read())
    #expect(slots.slots.count == 2)
    #expect(try slots.open(with: .phrase(Self.master()))?.key.isEqual(to: key) == true)
  }

  @Test(
    "a process that is killed while it adds and removes leaves slots that open, and those that it acknowledged",
    arguments: Rounds.seeds())
  func killed(seed: UInt64) async throws {
    let host = try TemporaryHost()
    let home = host.folders.data.deletingLastPathComponent().path
    let file = Self.file(in: home)
    try file.add(.phrase(Self.master()), for: TemporaryHost.key(1))
    let end = SuddenEnd(
      seed: seed, journal: URL(filePath: "\(home)/journal"), acknowledgements: 0...40,
      time: .zero ... .milliseconds(5))
    await #expect(processExitsWith: .signal(SIGKILL)) { [home = home as String, end = end as SuddenEnd] in
      let (file, key) = (Self.file(in: home), try TemporaryHost.key(1))
      let cheap = Argon2Parameters(operations: 1, memory: 64 << 20)
      let victim = Victim(end)
      while true {
        let slot = try file.add(Self.passphrase(), for: key, cost: cheap)
        victim.acknowledge("2")
        for _ in 0..<20 {
          try file.replaceWithItself(key)
          victim.acknowledge("2")
        }
        try file.remove(slot.id, key: key)
        victim.acknowledge("1")
      }
    }
    let acknowledged = try end.acknowledged()
    let slots = try #require(try file.read())
    // The last step may have been done and not yet told: only then are there more or fewer.
    let told = acknowledged.last.flatMap { Int($0) } ?? 1
    #expect(slots.slots.count == told || acknowledged.count % 22 == (told == 1 ? 0 : 21))
    let opened = try #require(try slots.open(with: .phrase(Self.master())))
    #expect(try opened.key.isEqual(to: TemporaryHost.key(1)))
  }

  @Test("processes that add at the same time lose nothing of each other's")
  func together() async throws {
    let host = try TemporaryHost()
    let file = Self.file(in: host.folders.data.deletingLastPathComponent().path)
    let key = DataKey.generate()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          try file.add(
            Self.passphrase(), for: key, cost: Argon2Parameters(operations: 1, memory: 64 << 20))
        }
      }
      try await group.waitForAll()
    }
    #expect(try file.read()?.slots.count == 4)
  }
}

extension KeySlotFile {
  /// Writes what is there once more, as every change does.
  fileprivate func replaceWithItself(_ key: DataKey) throws {
    let slots = try #require(try read())
    try PrivateFile.replace(file, with: KeySlots(host: slots.host, slots: slots.slots, key: key).json)
  }
}
