import Foundation
import HTTPTypes
import Keyring
import Stores
import Testing

@testable import Host
@testable import Identity

@Suite("When keys were last used", .timeLimit(.minutes(10)))
struct AccessKeyUsesTests {
  private func lastUsed(_ host: WholeHost, _ id: String) async throws -> Date? {
    try await host.services.keys.find(reference: id).lastUsedAt
  }

  @Test("a request writes nothing; the list does, and says when")
  func noted() async throws {
    try await WholeHost.run { host in
      let (used, unused) = (try await host.key(), try await host.key())
      let generation = try await host.services.keys.generation()
      let before = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down))
      #expect(try await host.fromElsewhere(.get, "/models", key: used.text).status == 200)
      #expect(try await lastUsed(host, used.id) == nil)
      let shown = try await host.ask("GET", "/control/keys/\(used.id)").json
      #expect(shown["lastUsedAt"] is String)
      let written = try #require(try await lastUsed(host, used.id))
      #expect(written >= before && written <= Date())
      #expect(try await lastUsed(host, unused.id) == nil)
      #expect(try await host.services.keys.generation() == generation)
    }
  }

  @Test("a key that is refused was not used")
  func refused() async throws {
    try await WholeHost.run { host in
      let key = try await host.key()
      _ = try await host.ask("POST", "/control/keys/\(key.id)/revoke")
      #expect(try await host.fromElsewhere(.get, "/models", key: key.text).status == 401)
      #expect(try await host.ask("GET", "/control/keys/\(key.id)").json["lastUsedAt"] == nil)
    }
  }

  @Test("what is still in memory is written down when the service stops")
  func shutdown() async throws {
    let home = TemporaryHome()
    _ = try await HostInitialiser(folders: home.folders).initialise(keyStore: .file)
    let settings = try HostSettings.load(folders: home.folders)
    func services() async throws -> HostServices {
      try await HostServices.open(folders: home.folders, settings: settings, logger: .quiet)
    }
    let first = try await services()
    let (record, _) = try await first.keys.mint(by: first.master.signingKey, label: "phone", expiry: .never)
    first.access.uses.note(.own(record), at: 1_800_000_000)
    await first.shutdown()
    let second = try await services()
    let kept = try await second.keys.find(reference: "phone")
    #expect(kept.lastUsedAt == Date(timeIntervalSince1970: 1_800_000_000))
    await second.shutdown()
  }

  @Test("what cannot be written is kept for the next time")
  func failure() async throws {
    try await WholeHost.run { host in
      let services = host.services
      let key = try await host.key()
      let record = try await services.keys.find(reference: key.id)
      let uses = AccessKeyUses()
      uses.note(.own(record), at: 1_800_000_000)
      let closed = try await HostServices.open(
        folders: services.folders, settings: services.settings, logger: .quiet)
      await closed.shutdown()
      await uses.flush(to: closed.keys, logger: .quiet)
      await uses.flush(to: services.keys, logger: .quiet)
      #expect(try await lastUsed(host, key.id) == Date(timeIntervalSince1970: 1_800_000_000))
    }
  }

  @Test("no more keys are kept in mind than the limit, and none of a foreign issuer")
  func bounded() async throws {
    try await WholeHost.run { host in
      let key = try await host.services.keys.find(reference: try await host.key().id)
      let stranger = try MasterKey.generate().address
      let uses = AccessKeyUses()
      for number in 0..<(2 * AccessKeyUses.limit) {
        uses.note(.testing(issuer: stranger, audience: key.audience, nonce: "\(number)"), at: 1)
      }
      uses.note(.own(key), at: 1_800_000_000)
      for number in 0..<(2 * AccessKeyUses.limit) {
        uses.note(.testing(issuer: stranger, audience: stranger, nonce: "\(number)"), at: 1)
      }
      uses.note(.own(key), at: 1_800_000_001)
      #expect(uses.count == AccessKeyUses.limit)
      await uses.flush(to: host.services.keys, logger: .quiet)
      #expect(uses.count == 0)
      let id = key.id.uuidString
      #expect(try await lastUsed(host, id) == Date(timeIntervalSince1970: 1_800_000_001))
    }
  }
}

extension VerifiedAccessKey {
  fileprivate static func own(_ record: AccessKeyRecord) -> VerifiedAccessKey {
    testing(issuer: record.issuer, audience: record.audience, nonce: record.nonce)
  }

  fileprivate static func testing(issuer: Address, audience: Address, nonce: String) -> VerifiedAccessKey {
    VerifiedAccessKey(
      issuer: issuer, audience: audience, nonce: nonce, counter: 1, expiresAt: nil, scope: .master)
  }
}
