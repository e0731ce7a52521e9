import Foundation
import Keyring
import Stores
import Testing

@testable import Host
@testable import Identity

/// What the words bring back, and what they do not.
@Suite("Access keys after a recovery", .timeLimit(.minutes(10)))
struct KeysAfterRecoveryTests {
  private let now = Int64(Date().timeIntervalSince1970)

  private func open(_ folders: HostFolders) async throws -> HostServices {
    try await HostServices.open(
      folders: folders, settings: HostSettings.load(folders: folders), logger: .quiet)
  }

  private func verdict(_ key: MintedAccessKey, _ services: HostServices) -> AccessKeyVerdict {
    key.withText { services.access.validator.value.validate($0, now: now) }
  }

  private func isValid(_ key: MintedAccessKey, _ services: HostServices) -> Bool {
    if case .valid = verdict(key, services) { true } else { false }
  }

  private func agent(_ name: String, _ services: HostServices) async throws -> AgentRecord {
    try await services.agents.create(name: name) { [master = services.master] in
      try master.agentKey($0).address
    }
  }

  private func foreign(by signer: SigningKey, for audience: Address, counter: UInt64) -> MintedAccessKey {
    AccessKeyMint.mint(
      AccessKeyClaims(
        audience: audience, counter: counter, expiresAt: nil, issuedAt: now, issuer: signer.address,
        label: nil, nonce: UUID().uuidString), by: signer)
  }

  @Test("on the same data, revocations, thresholds, trust and the indices that were used are all still there")
  func sameData() async throws {
    let home = TemporaryHome()
    let made = try await HostInitialiser(folders: home.folders).initialise(keyStore: .file)
    let phrase = made.withWords { $0.joined(separator: " ") }
    let before = try await open(home.folders)
    let (keys, master) = (before.keys, before.master)
    let (ada, bob) = (try await agent("Ada", before), try await agent("Bob", before))
    let (adas, bobs) = (
      try master.agentKey(try #require(ada.keyIndex)), try master.agentKey(try #require(bob.keyIndex))
    )
    let (record, revoked) = try await keys.mint(by: master.signingKey, label: "lost", expiry: .never)
    _ = try await keys.revoke(record.id)
    let (_, kept) = try await keys.mint(by: master.signingKey, label: "kept", expiry: .never)
    let unlisted = foreign(by: adas, for: adas.address, counter: 5)
    _ = try await keys.revokeAll(issuer: adas.address)
    let (_, gone) = try await keys.mint(by: bobs, label: "gone", expiry: .never)
    try await before.agents.delete(bob.id)
    let friend = try MasterKey.generate().signingKey
    try await before.trusted.trust(friend.address, for: .agent(adas.address), master: master.address)
    await before.shutdown()

    let store = FileKeyStore(file: home.folders.keyFile)
    for item in [KeyItem.masterKey, .dataKey] { try store.remove(item) }
    let recovery = IdentityRecovery(
      of: try MasterKey(mnemonic: Mnemonic(parsing: phrase)), folders: home.folders)
    try recovery.restoreKeys()

    let after = try await open(home.folders)
    #expect(verdict(revoked, after) == .revoked)
    #expect(verdict(unlisted, after) == .revoked)
    #expect(verdict(gone, after) == .invalid(.audienceMismatch))
    #expect(isValid(kept, after))
    #expect(isValid(foreign(by: friend, for: adas.address, counter: 1), after))
    #expect(
      verdict(foreign(by: friend, for: after.address, counter: 1), after) == .invalid(.issuerNotWhitelisted))
    #expect(try await agent("Cleo", after).keyIndex == AgentIndex(rawValue: 2))
    await after.shutdown()
    withExtendedLifetime(home) {}
  }

  @Test("on a machine without the data, no key that was made before opens anything, and the next one does")
  func otherMachine() async throws {
    let old = TemporaryHome()
    let new = TemporaryHome()
    let made = try await HostInitialiser(folders: old.folders).initialise(keyStore: .file)
    let phrase = made.withWords { $0.joined(separator: " ") }
    let before = try await open(old.folders)
    let ada = try await agent("Ada", before)
    let signers = [
      before.master.signingKey, try before.master.agentKey(try #require(ada.keyIndex)),
    ]
    var keys: [MintedAccessKey] = []
    for signer in signers {
      keys.append(try await before.keys.mint(by: signer, label: "phone", expiry: .never).1)
    }
    try await before.access.refresh()
    for key in keys { #expect(isValid(key, before)) }
    await before.shutdown()

    let recovery = IdentityRecovery(
      of: try MasterKey(mnemonic: Mnemonic(parsing: phrase)), folders: new.folders)
    _ = try await recovery.makeHost(keyStore: .file, oldKeys: .shut)
    for _ in 0..<2 {
      let after = try await open(new.folders)
      if try await after.agents.list().isEmpty {
        let master = after.master
        let again = try await after.agents.create(name: "Ada", index: ada.keyIndex) {
          try master.agentKey($0).address
        }
        #expect(again.address == ada.address)
      }
      try await after.access.refresh()
      for key in keys { #expect(verdict(key, after) == .revoked) }
      for signer in signers {
        let (_, key) = try await after.keys.mint(by: signer, label: "phone", expiry: .never)
        try await after.access.refresh()
        #expect(isValid(key, after))
      }
      await after.shutdown()
    }
    withExtendedLifetime(old) {}
    withExtendedLifetime(new) {}
  }

  @Test("an identity that takes another one's place starts without keys, and what was shut then stays shut")
  func replaced() async throws {
    let home = TemporaryHome()
    let made = try await HostInitialiser(folders: home.folders).initialise(keyStore: .file)
    let first = try MasterKey(
      mnemonic: Mnemonic(parsing: made.withWords { $0.joined(separator: " ") }))
    let before = try await open(home.folders)
    let (_, own) = try await before.keys.mint(by: first.signingKey, label: "phone", expiry: .never)
    await before.shutdown()
    let second = try MasterKey.generate()
    let elsewhere = foreign(by: second.signingKey, for: second.address, counter: 3)
    try await IdentityRecovery(of: second, folders: home.folders).replaceIdentity(
      repairingAgents: false, oldKeys: .shut)
    let between = try await open(home.folders)
    #expect(verdict(elsewhere, between) == .revoked)
    #expect(verdict(own, between) == .invalid(.audienceMismatch))
    await between.shutdown()
    try await IdentityRecovery(of: first, folders: home.folders).replaceIdentity(
      repairingAgents: false, oldKeys: .keep)
    let after = try await open(home.folders)
    #expect(verdict(own, after) == .revoked)
    await after.shutdown()
    withExtendedLifetime(home) {}
  }
}
