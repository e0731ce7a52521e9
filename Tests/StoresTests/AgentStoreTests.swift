import Foundation
import GRDB
import Identity
import Storage
import Testing

@testable import Stores

@Suite("Agents")
struct AgentStoreTests {
  private let stores: TemporaryStores

  init() throws { stores = try TemporaryStores() }

  @Test("an agent is read back as it was made, by id, address and name")
  func roundTrip() async throws {
    let made = try await stores.agents.create(
      name: "Ada", description: "counts", systemPrompt: "You count.", model: "smol", isExposed: false,
      derive: stores.derive)
    let address = try #require(made.address)
    #expect(made.keyIndex == AgentIndex(rawValue: 0))
    #expect(try await stores.agents.list() == [made])
    #expect(try await stores.agents.find(id: made.id) == made)
    #expect(try await stores.agents.find(address: address) == made)
    for reference in [
      made.id.uuidString, made.id.uuidString.lowercased(), address.checksummed, address.lowercased, "aDA",
    ] {
      #expect(try await stores.agents.find(reference: reference) == made, "\(reference)")
    }
  }

  @Test(
    "what no agent answers to is said so",
    arguments: [
      "", "Bob", "'; DROP TABLE agents; --", "%", "0x0000000000000000000000000000000000000001",
      UUID().uuidString,
    ])
  func missing(reference: String) async throws {
    _ = try await stores.makeAgent("Ada")
    await #expect(throws: StoresError.noSuchAgent(reference)) {
      _ = try await stores.agents.find(reference: reference)
    }
  }

  @Test("an index is never given twice, not after deletion and not after rotation")
  func indices() async throws {
    let first = try await stores.makeAgent("Ada")
    let second = try await stores.makeAgent("Bob")
    try await stores.agents.delete(second.id)
    let third = try await stores.makeAgent("Cleo")
    let rotated = try await stores.agents.rotate(first.id, derive: stores.derive)
    try await stores.agents.delete(third.id)
    let fourth = try await stores.makeAgent("Bob")
    let all = [first, second, third, rotated, fourth]
    #expect(all.compactMap(\.keyIndex?.rawValue) == [0, 1, 2, 3, 4])
    #expect(Set(all.compactMap(\.address)).count == 5)
  }

  @Test("agents that are made at once have an index each")
  func concurrency() async throws {
    let stores = stores
    try await withThrowingTaskGroup { group in
      for number in 0..<12 { group.addTask { _ = try await stores.makeAgent("agent \(number)") } }
      try await group.waitForAll()
    }
    let indices = try await stores.agents.list().compactMap(\.keyIndex?.rawValue)
    #expect(indices.sorted() == Array(0..<12))
  }

  @Test("the last index is given, and none after it")
  func exhaustion() async throws {
    try await stores.host.write {
      try $0.execute(sql: "UPDATE counters SET value = 4294967294 WHERE name = 'agent_index'")
    }
    #expect(try await stores.makeAgent("last").keyIndex == AgentIndex(rawValue: .max))
    await #expect(throws: StoresError.indicesExhausted) { _ = try await stores.makeAgent("none") }
    #expect(try await stores.agents.list().map(\.name) == ["last"])
  }

  @Test("an agent whose key cannot be derived is not made, and an old one keeps its key")
  func failingDerivation() async throws {
    let agent = try await stores.makeAgent("Ada")
    let signer = try stores.master.agentKey(try #require(agent.keyIndex))
    let (_, key) = try await stores.keys.mint(by: signer, label: "phone", expiry: .days30)
    let failure = StoresError.identity(.unknownWord("x"))
    await #expect(throws: failure) { _ = try await stores.agents.create(name: "Bob") { _ in throw failure } }
    await #expect(throws: failure) { _ = try await stores.agents.rotate(agent.id) { _ in throw failure } }
    #expect(try await stores.agents.list() == [agent])
    #expect(try await stores.isValid(key))
  }

  @Test(
    "a name is one line of 1 to 64 characters",
    arguments: [
      "", "  ", "a\nb", "a\u{2028}b", "a\u{2029}b", "a\u{0}b", "a\u{1B}[31m",
      String(repeating: "x", count: 65),
      "e" + String(repeating: "\u{301}", count: 10_000), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
      " 6f9619ff-8b86-d011-b42d-00cf4fc964ff",
    ])
  func badName(name: String) async throws {
    let agent = try await stores.makeAgent("Ada")
    await #expect(throws: StoresError.badName) { _ = try await stores.makeAgent(name) }
    await #expect(throws: StoresError.badName) {
      _ = try await stores.agents.update(agent.id) { $0.name = name }
    }
    #expect(try await stores.agents.list() == [agent])
  }

  @Test(
    "a name may have any letters",
    arguments: ["Ж", "日本", "👩‍👩‍👧 & co", "O'Brien; --", String(repeating: "é", count: 64)])
  func goodName(name: String) async throws {
    #expect(try await stores.makeAgent(" \(name) ").name == name)
    #expect(try await stores.agents.find(reference: name).name == name)
  }

  @Test("a name is taken once, without regard to case; an agent may be called otherwise and keeps what it is")
  func names() async throws {
    let ada = try await stores.makeAgent("Ada")
    let bob = try await stores.makeAgent("Bob")
    await #expect(throws: StoresError.nameTaken("Ada")) { _ = try await stores.makeAgent("ADA") }
    await #expect(throws: StoresError.nameTaken("Ada")) {
      _ = try await stores.agents.update(bob.id) { $0.name = "ada" }
    }
    let changed = try await stores.agents.update(ada.id) { record in
      record.name = "ADA"
      record.model = "other"
      record.isExposed = false
    }
    #expect(changed.name == "ADA")
    #expect(changed.keyIndex == ada.keyIndex)
    #expect(changed.address == ada.address)
    #expect(try await stores.agents.find(id: ada.id) == changed)
  }

  @Test("what is not there cannot be changed, rotated or deleted")
  func unknown() async {
    let id = UUID()
    let expected = StoresError.noSuchAgent(id.uuidString)
    await #expect(throws: expected) { _ = try await stores.agents.update(id) { $0.model = nil } }
    await #expect(throws: expected) { _ = try await stores.agents.rotate(id, derive: stores.derive) }
    await #expect(throws: expected) { try await stores.agents.delete(id) }
    await #expect(throws: expected) { _ = try await stores.agents.revokeAddress(id) }
  }
}
