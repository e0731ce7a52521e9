import Foundation
import GRDB
import Identity
import Keyring
import Storage
import Testing

@testable import Stores

/// A host's databases in a folder that goes with the test.
final class TemporaryStores: Sendable {
  let folders: HostFolders
  let master: MasterKey
  let host: DatabasePool
  let chat: DatabasePool

  init() throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "osaurus-test-\(UUID().uuidString)")
    folders = HostFolders(home: home)
    try folders.create()
    master = try MasterKey.generate()
    let key = DataKey.generate()
    host = try EncryptedDatabase.open(.host, in: folders, key: key, migrator: HostSchema.migrator)
    chat = try EncryptedDatabase.open(.chatHistory, in: folders, key: key, migrator: ChatSchema.migrator)
  }

  deinit {
    try? host.close()
    try? chat.close()
    try? FileManager.default.removeItem(at: folders.data.deletingLastPathComponent())
  }

  var agents: AgentStore { AgentStore(host) }
  var keys: AccessKeyStore { AccessKeyStore(host) }
  var chats: ChatStore { ChatStore(chat) }

  func makeAgent(_ name: String) async throws -> AgentRecord {
    try await agents.create(name: name) { [master] in try master.agentKey($0).address }
  }

  func verdict(_ key: MintedAccessKey) async throws -> AccessKeyVerdict {
    let validator = AccessKeyValidator(rules: try await keys.validatorRules(master: master.address))
    return key.withText { validator.validate($0, now: Int64(Date().timeIntervalSince1970)) }
  }
}

@Suite("Agents and their keys")
struct AgentStoreTests {
  private let stores: TemporaryStores

  init() throws { stores = try TemporaryStores() }

  @Test("an index is never given twice, not after deletion and not after rotation")
  func indices() async throws {
    let first = try await stores.makeAgent("Ada")
    let second = try await stores.makeAgent("Bob")
    try await stores.agents.delete(second.id)
    let third = try await stores.makeAgent("Cleo")
    let rotated = try await stores.agents.rotate(first.id) { [master = stores.master] in
      try master.agentKey($0).address
    }
    let indices = [first, second, third, rotated].compactMap(\.keyIndex?.rawValue)
    #expect(indices == [0, 1, 2, 3])
    #expect(Set([first, second, third, rotated].compactMap(\.address)).count == 4)
  }

  @Test("rotating and deleting an agent revoke its keys at once")
  func revocation() async throws {
    let agent = try await stores.makeAgent("Ada")
    let signer = try stores.master.agentKey(try #require(agent.keyIndex))
    let (_, key) = try await stores.keys.mint(by: signer, label: "phone", expiry: .days30)
    guard case .valid(let verified) = try await stores.verdict(key) else {
      Issue.record("a fresh key was refused")
      return
    }
    #expect(verified.scope == .agent(signer.address))
    try await stores.agents.delete(agent.id)
    #expect(try await stores.verdict(key) == .invalid(.audienceMismatch))
    #expect(try await stores.keys.list().allSatisfy { $0.revokedAt != nil })
  }

  @Test("a revoked key stays revoked")
  func revoke() async throws {
    let (record, key) = try await stores.keys.mint(
      by: stores.master.signingKey, label: "laptop", expiry: .never)
    let before = try await stores.keys.generation()
    _ = try await stores.keys.revoke(record.id)
    #expect(try await stores.verdict(key) == .revoked)
    #expect(try await stores.keys.generation() > before)
  }

  @Test("keys differ in counter and fingerprint")
  func counters() async throws {
    let (first, _) = try await stores.keys.mint(by: stores.master.signingKey, label: "a", expiry: .days90)
    let (second, _) = try await stores.keys.mint(by: stores.master.signingKey, label: "b", expiry: .days90)
    #expect(second.counter == first.counter + 1)
    #expect(second.fingerprint != first.fingerprint)
  }

  @Test("names are found without regard to case, and taken once")
  func names() async throws {
    let agent = try await stores.makeAgent("Ada")
    #expect(try await stores.agents.find(reference: "ada") == agent)
    #expect(try await stores.agents.find(reference: try #require(agent.address).lowercased) == agent)
    await #expect(throws: StoresError.nameTaken("Ada")) { _ = try await stores.makeAgent("ADA") }
    for name in ["", "  ", "a\nb", String(repeating: "x", count: 65)] {
      await #expect(throws: StoresError.badName) { _ = try await stores.makeAgent(name) }
    }
  }

  @Test("a conversation is kept in order, found by its words, and belongs to one agent")
  func conversation() async throws {
    let agent = UUID()
    let session = try await stores.chats.openSession(
      UUID(), agentID: agent, title: "Garden", model: nil, source: .http)
    try await stores.chats.append(
      [
        NewTurn(role: "user", content: "Où est le café?"),
        NewTurn(role: "assistant", content: "In the garden."),
      ],
      to: session.id)
    #expect(try await stores.chats.turns(of: session.id).map(\.position) == [0, 1])
    #expect(try await stores.chats.search("cafe").map(\.role) == ["user"])
    await #expect(throws: StoresError.noSuchSession) {
      _ = try await stores.chats.openSession(
        session.id, agentID: UUID(), title: "", model: nil, source: .http)
    }
    try await stores.chats.delete(session.id)
    #expect(try await stores.chats.search("cafe").isEmpty)
  }
}
