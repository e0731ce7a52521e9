import Foundation
import Testing

@testable import Identity

@Suite("The health of an identity")
struct IdentityHealthTests {
  private let master: MasterKey
  private let other: MasterKey

  init() throws {
    master = try .generate()
    other = try .generate()
  }

  private func agent(_ index: UInt32, of master: MasterKey) throws -> IdentityHealth.Agent {
    let index = AgentIndex(rawValue: index)
    return IdentityHealth.Agent(
      id: UUID(), name: "Agent \(index.rawValue)", index: index, address: try master.agentKey(index).address)
  }

  private func key(by issuer: Address) -> IdentityHealth.Key {
    IdentityHealth.Key(id: UUID(), label: "", fingerprint: "", issuer: issuer, audience: issuer)
  }

  private func check(
    _ agents: [IdentityHealth.Agent], _ keys: [IdentityHealth.Key] = [], trusted: Set<Address> = []
  ) -> IdentityHealth {
    IdentityHealth(agents: agents, keys: keys, trusted: trusted, master: master)
  }

  @Test("agents at the addresses of their indices and keys of known issuers are well")
  func well() throws {
    let agents = try [agent(0, of: master), agent(4_294_967_295, of: master)]
    let keys = [key(by: master.address), key(by: agents[1].address), key(by: other.address)]
    let health = check(agents, keys, trusted: [other.address])
    #expect(health.canDerive)
    #expect(health.driftedAgents.isEmpty && health.staleKeys.isEmpty)
  }

  @Test("an agent of another identity is found, and so are keys that nobody known has made")
  func drifted() throws {
    let (own, foreign) = try (agent(0, of: master), agent(1, of: other))
    let stale = [key(by: foreign.address), key(by: other.address)]
    let health = check([own, foreign], stale + [key(by: own.address)])
    #expect(health.driftedAgents == [foreign])
    #expect(health.staleKeys == stale)
  }

  @Test("a key that the right address of a drifted agent has signed is not stale")
  func rightAddress() throws {
    let foreign = try agent(7, of: other)
    let health = check([foreign], [key(by: try agent(7, of: master).address)])
    #expect(health.driftedAgents == [foreign])
    #expect(health.staleKeys.isEmpty)
  }

  @Test("keys of an agent that is gone are stale")
  func gone() throws {
    let left = key(by: try agent(3, of: master).address)
    #expect(check([], [left]).staleKeys == [left])
  }

  @Test("without a master that derives, nothing is reported, and that is said")
  func underivable() throws {
    let agents = try [agent(0, of: other)]
    let keys = [key(by: other.address)]
    let missing = IdentityHealth(agents: agents, keys: keys, trusted: [], master: nil)
    let failing = IdentityHealth(agents: agents, keys: keys, trusted: [], master: master.address) {
      _ in throw IdentityError.invalidScalar
    }
    for health in [missing, failing] {
      #expect(!health.canDerive)
      #expect(health.driftedAgents.isEmpty && health.staleKeys.isEmpty)
    }
  }
}
