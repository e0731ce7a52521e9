import Foundation
import Identity
import Stores
import Testing

@testable import Host

@Suite("Who may come in, as of now", .timeLimit(.minutes(10)))
struct HostAccessTests {
  private func verdict(_ key: MintedAccessKey, _ services: HostServices) -> AccessKeyVerdict {
    let now = Int64(Date().timeIntervalSince1970)
    return key.withText { services.access.validator.value.validate($0, now: now) }
  }

  private func isValid(_ key: MintedAccessKey, _ services: HostServices) -> Bool {
    if case .valid = verdict(key, services) { true } else { false }
  }

  @Test("what was read earlier never replaces what was read later")
  func olderIsDropped() async throws {
    try await WholeHost.run { host in
      let services = host.services
      let (agent, master) = (try await host.agent("Ada"), services.master)
      let address = try #require(agent.address)
      let (record, key) = try await services.keys.mint(by: master.signingKey, label: "phone", expiry: .never)
      let before = try await services.keys.moment(master: master.address)
      services.access.replace(with: before)
      #expect(isValid(key, services))
      _ = try await services.keys.revoke(record.id)
      try await services.agents.delete(agent.id)
      try await services.access.refresh()
      services.access.replace(with: before)
      #expect(verdict(key, services) == .revoked)
      #expect(services.access.address(of: agent.id.uuidString) == nil)
      #expect(try services.access.signingKey(of: address, from: .inProcess) == nil)
    }
  }

  @Test("a key whose revocation was answered opens nothing, however many refresh and revoke at once")
  func manyAtOnce() async throws {
    try await WholeHost.run { host in
      let services = host.services
      var keys: [(AccessKeyRecord, MintedAccessKey)] = []
      for number in 0..<60 {
        keys.append(
          try await services.keys.mint(by: services.master.signingKey, label: "\(number)", expiry: .never))
      }
      try await services.access.refresh()
      #expect(keys.allSatisfy { isValid($0.1, services) })
      try await withThrowingTaskGroup(of: Void.self) { group in
        for share in 0..<4 {
          group.addTask {
            for _ in 0..<60 { try await services.access.refresh() }
          }
          group.addTask { [keys] in
            for (record, key) in keys[(share * 15)..<(share * 15 + 15)] {
              _ = try await services.keys.revoke(record.id)
              try await services.access.refresh()
              for _ in 0..<20 {
                #expect(verdict(key, services) == .revoked)
                await Task.yield()
              }
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
