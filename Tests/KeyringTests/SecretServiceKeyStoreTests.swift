import Foundation
import SecretMemory
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#endif

/// Each test is a process with a bus and a gnome-keyring of its own. Nothing of the machine's own session is touched.
@Suite("Keys in the desktop keyring")
struct SecretServiceKeyStoreTests {
  /// More than any answer takes, and far less than the patience that the calls are given.
  private static let soon: Duration = .seconds(5)

  private static func makeStore(patience: Duration = .seconds(60)) -> SecretServiceKeyStore {
    SecretServiceKeyStore(hostID: UUID(), patience: patience)
  }

  @Test("a secret of any bytes is kept, replaced, read and forgotten, and nothing else is touched")
  func roundTrip() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      try SecretServiceKeyStore.probe()
      let store = Self.makeStore()
      #expect(store.kind == .secretService)
      #expect(try store.bytes(.masterKey) == nil)
      try store.remove(.masterKey)

      let everyByte = (0...255).map { UInt8($0) }
      let secrets: [(KeyItem, [UInt8])] = [
        (.masterKey, everyByte), (.dataKey, [0, 0, 0]), (.modelKey("https://models.example/v1"), [10]),
        (.peerKey("Zürich \"'\\{}"), Array("osk-v1.\u{e9}".utf8)),
        (.peerKey("large"), Array(repeating: 7, count: SecretServiceKeyStore.limit)),
      ]
      for (item, secret) in secrets { try store.keep(secret, as: item) }
      for (item, secret) in secrets { #expect(try store.bytes(item) == secret, "\(item.name)") }

      try store.keep([1, 2, 3], as: .masterKey)
      #expect(try store.bytes(.masterKey) == [1, 2, 3])
      try store.remove(.masterKey)
      #expect(try store.bytes(.masterKey) == nil)
      for (item, secret) in secrets.dropFirst() { #expect(try store.bytes(item) == secret, "\(item.name)") }
      #expect(!keyring.wasPrompted)
    }
  }

  @Test("two hosts of one person do not see each other's keys")
  func hosts() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      let id = UUID()
      let first = SecretServiceKeyStore(hostID: id)
      let second = Self.makeStore()
      try first.keep([1], as: .dataKey)
      #expect(try second.bytes(.dataKey) == nil)
      try second.keep([2], as: .dataKey)
      try second.remove(.masterKey)
      #expect(try first.bytes(.dataKey) == [1])
      try second.remove(.dataKey)
      #expect(try SecretServiceKeyStore(hostID: id).bytes(.dataKey) == [1])
    }
  }

  @Test("an item that is larger than any key is refused")
  func tooLarge() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      let store = Self.makeStore()
      try store.keep(Array(repeating: 1, count: SecretServiceKeyStore.limit + 1), as: .peerKey("home"))
      #expect(throws: KeyringError.refused("the item 'peer-key:home' is larger than any key")) {
        _ = try store.bytes(.peerKey("home"))
      }
    }
  }

  @Test("several tasks may use it at once")
  func concurrency() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      let store = Self.makeStore()
      try await withThrowingTaskGroup { group in
        for number in UInt8(0)..<8 {
          group.addTask {
            try store.keep([number], as: .peerKey("\(number)"))
            #expect(try store.bytes(.peerKey("\(number)")) == [number])
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test("keys survive the sudden end of the keyring, and the same process reads them from its successor")
  func restart() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      let store = Self.makeStore()
      try store.keep([1, 2, 3], as: .dataKey)
      keyring.killDaemon()
      #expect(isUnavailable { _ = try store.bytes(.dataKey) })
      try keyring.startDaemon()
      #expect(try store.bytes(.dataKey) == [1, 2, 3])
      try store.keep([4], as: .dataKey)
      #expect(try store.bytes(.dataKey) == [4])
    }
  }

  @Test(
    "a locked keyring is refused at once: it is not taken for an empty one, and nobody is asked to unlock it")
  func locked() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      let store = Self.makeStore()
      try store.keep([1, 2, 3], as: .dataKey)
      keyring.killDaemon()
      try keyring.startDaemon(unlocked: false)
      let time = try ContinuousClock().measure {
        try SecretServiceKeyStore.probe()
        #expect(throws: KeyringError.locked) { _ = try store.bytes(.dataKey) }
        #expect(throws: KeyringError.locked) { _ = try store.bytes(.masterKey) }
        #expect(throws: KeyringError.locked) { try store.keep([4], as: .dataKey) }
        #expect(throws: KeyringError.locked) { try store.remove(.dataKey) }
      }
      #expect(time < Self.soon)
      #expect(!keyring.wasPrompted)
      keyring.killDaemon()
      try keyring.startDaemon()
      #expect(try store.bytes(.dataKey) == [1, 2, 3])
    }
  }

  @Test("a keyring without a default collection is refused, and none is made")
  func noCollection() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon(unlocked: false)
      let store = Self.makeStore()
      #expect(throws: KeyringError.noCollection) { _ = try store.bytes(.dataKey) }
      #expect(throws: KeyringError.noCollection) { try store.keep([4], as: .dataKey) }
      #expect(throws: KeyringError.noCollection) { try store.remove(.dataKey) }
      #expect(!keyring.wasPrompted)
    }
  }

  @Test("a bus without a keyring is reported at once")
  func noKeyring() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      let time = ContinuousClock().measure { expectUnavailable(Self.makeStore()) }
      #expect(time < Self.soon)
    }
  }

  @Test(
    "no bus, and an address where no bus is, are reported at once",
    arguments: [nil, "unix:path=/nowhere/bus"])
  func noBus(address: String?) async {
    await #expect(processExitsWith: .success) { [address = address as String?] in
      let keyring = try PrivateKeyring()
      if let address { setenv("DBUS_SESSION_BUS_ADDRESS", address, 1) }
      let time = ContinuousClock().measure { expectUnavailable(Self.makeStore()) }
      #expect(time < Self.soon)
      withExtendedLifetime(keyring) {}
    }
  }

  @Test("a keyring that stopped answering is given up in time, and used again when it answers")
  func hungKeyring() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      let store = Self.makeStore(patience: .milliseconds(200))
      let patient = Self.makeStore()
      keyring.suspendDaemon()
      let time = ContinuousClock().measure { expectTimeout(store) }
      #expect(time < Self.soon)
      keyring.resumeDaemon()
      try patient.keep([4], as: .dataKey)
      #expect(try patient.bytes(.dataKey) == [4])
    }
  }

  @Test("a keyring that ends while it is asked is noticed at once, and its successor is used")
  func killedWhileAsked() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      let store = Self.makeStore()
      try store.keep([1, 2, 3], as: .dataKey)
      for call in [
        { _ = try store.bytes(.dataKey) }, { try store.keep([4], as: .dataKey) },
        { try store.remove(.dataKey) }, { _ = try store.names() }, { try SecretServiceKeyStore.probe() },
      ] as [@Sendable () throws -> Void] {
        let start = ContinuousClock.now
        let error = await #expect(throws: KeyringError.self) { try await keyring.killWhileAsked(call) }
        // Before the question itself it is one that is not there.
        if case .unavailable = error {} else { #expect(error == .ended) }
        #expect(ContinuousClock.now - start < .seconds(20))
        try keyring.startDaemon()
      }
      #expect(try store.bytes(.dataKey) == [1, 2, 3])
    }
  }

  @Test("the names of a host's items are told, and no other host's")
  func names() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      try keyring.startDaemon()
      let store = Self.makeStore()
      #expect(try store.names().isEmpty)
      try store.keep([1], as: .dataKey)
      try store.keep([2], as: .peerKey("Zürich \"'\\{}"))
      try Self.makeStore().keep([3], as: .masterKey)
      #expect(try store.names().sorted() == ["data-key", "peer-key:Zürich \"'\\{}"])
      keyring.killDaemon()
      try keyring.startDaemon(unlocked: false)
      #expect(throws: KeyringError.locked) { _ = try Self.makeStore().names() }
    }
  }

  @Test("a bus that stopped answering is given up in time")
  func hungBus() async {
    await #expect(processExitsWith: .success) {
      let keyring = try PrivateKeyring()
      try keyring.startBus()
      keyring.suspendBus()
      let time = ContinuousClock().measure { expectTimeout(Self.makeStore(patience: .milliseconds(200))) }
      #expect(time < Self.soon)
      keyring.resumeBus()
    }
  }
}

extension KeyStore {
  /// A secret as plain bytes.
  func bytes(_ item: KeyItem) throws -> [UInt8]? {
    guard let secret = try load(item) else { return nil }
    return secret.withUnsafeBytes { Array($0) }
  }

  func keep(_ bytes: [UInt8], as item: KeyItem) throws {
    try store(SecretBytes(count: bytes.count) { $0.copyBytes(from: bytes) }, as: item)
  }
}

private func isUnavailable(_ body: () throws -> Void) -> Bool {
  do {
    try body()
    return false
  } catch KeyringError.unavailable(let reason) {
    return !reason.isEmpty
  } catch {
    return false
  }
}

private func expectUnavailable(_ store: SecretServiceKeyStore) {
  #expect(isUnavailable { try SecretServiceKeyStore.probe() })
  #expect(isUnavailable { _ = try store.bytes(.dataKey) })
  #expect(isUnavailable { try store.keep([1], as: .dataKey) })
  #expect(isUnavailable { try store.remove(.dataKey) })
}

private func expectTimeout(_ store: SecretServiceKeyStore) {
  #expect(throws: KeyringError.timedOut) { try SecretServiceKeyStore.probe(patience: .milliseconds(200)) }
  #expect(throws: KeyringError.timedOut) { _ = try store.bytes(.dataKey) }
  #expect(throws: KeyringError.timedOut) { try store.keep([1], as: .dataKey) }
  #expect(throws: KeyringError.timedOut) { try store.remove(.dataKey) }
}
