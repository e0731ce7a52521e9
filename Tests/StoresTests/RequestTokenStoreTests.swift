import Foundation
import GRDB
import Identity
import Testing

@testable import Stores

@Suite("Counters of request tokens")
struct RequestTokenStoreTests {
  private static let now = Date(timeIntervalSince1970: 1_700_000_000)
  private let stores: TemporaryStores
  private let tokens: RequestTokenStore
  private let device: DeviceKey
  private let verifier: RequestTokenVerifier

  init() throws {
    stores = try TemporaryStores()
    tokens = RequestTokenStore(StoreDatabase(stores.host))
    device = try DeviceKey.generate()
    verifier = RequestTokenVerifier(
      issuers: [stores.master.address], target: try RequestTarget(audience: "a", action: "GET /"),
      devices: [device.id: device.publicKey])
  }

  private func mint(isSoftware: Bool = false) async throws -> String {
    try await tokens.mint(
      by: stores.master.signingKey, on: device, isSoftware: isSoftware, for: verifier.target, now: Self.now)
  }

  @Test("a token is taken once, and none that is older than one that was taken")
  func replay() async throws {
    let (first, second) = (try await mint(), try await mint())
    // Whatever is refused changes nothing.
    let late = try await tokens.admit(second, by: verifier, now: Self.now + 60)
    #expect(late == .refused(.expired))
    for _ in 0..<2 {
      let verdict = try await tokens.admit(first, by: verifier, now: Self.now)
      if case .valid(let token) = verdict {
        #expect(token.counter == 1)
      } else {
        #expect(verdict == .refused(.replayed))
      }
    }
    guard case .valid = try await tokens.admit(second, by: verifier, now: Self.now) else {
      Issue.record("the second one is refused")
      return
    }
    // Also by another reader of the same database.
    let again = try await RequestTokenStore(StoreDatabase(stores.host)).admit(
      first, by: verifier, now: Self.now)
    #expect(again == .refused(.replayed))
  }

  @Test("of many who bring the same token at once, one is let in")
  func race() async throws {
    let token = try await mint()
    let (tokens, verifier) = (tokens, verifier)
    let taken = try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<16 {
        group.addTask {
          if case .valid = try await tokens.admit(token, by: verifier, now: Self.now) { true } else { false }
        }
      }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(taken == 1)
  }

  @Test("tokens and access keys take from one counter, and no number is given twice")
  func sharedCounter() async throws {
    _ = try await mint()
    let (record, _) = try await stores.keys.mint(by: stores.master.signingKey, label: "a", expiry: .days30)
    #expect(record.counter == 2)
    let verdict = try await tokens.admit(try await mint(), by: verifier, now: Self.now)
    guard case .valid(let token) = verdict else {
      Issue.record("\(verdict)")
      return
    }
    #expect(token.counter == 3)
  }

  @Test("counters of 64 bits keep their order, and an issuer's devices are bounded")
  func bounds() async throws {
    let far = RequestToken.mint(
      by: stores.master.signingKey, on: device, for: verifier.target, counter: .max, issuedAt: 1_700_000_000)
    guard case .valid = try await tokens.admit(far, by: verifier, now: Self.now) else {
      Issue.record("the highest counter is refused")
      return
    }
    let next = try await tokens.admit(try await mint(), by: verifier, now: Self.now)
    #expect(next == .refused(.replayed))
    let master = stores.master.address
    try await stores.host.write { database in
      for number in 0..<RequestTokenStore.mostDevices {
        try database.execute(
          sql: "INSERT INTO devices (issuer, device, counter, seen_at) VALUES (?, ?, 1, ?)",
          arguments: [master, "old\(number)", Double(number)])
      }
    }
    var other = verifier
    let second = try DeviceKey.generate()
    other.devices = [second.id: second.publicKey]
    let token = RequestToken.mint(
      by: stores.master.signingKey, on: second, for: verifier.target, counter: 1, issuedAt: 1_700_000_000)
    guard case .valid = try await tokens.admit(token, by: other, now: Self.now) else {
      Issue.record("another device is refused")
      return
    }
    let kept = try await stores.host.read {
      try String.fetchAll($0, sql: "SELECT device FROM devices ORDER BY seen_at")
    }
    #expect(kept.count == RequestTokenStore.mostDevices)
    #expect(!kept.contains("old0") && kept.contains(second.id.text) && kept.contains(device.id.text))
  }
}
