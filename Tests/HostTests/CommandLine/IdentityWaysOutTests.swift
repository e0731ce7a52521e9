import Foundation
import Identity
import Keyring
import SecretMemory
import Testing

@testable import Host

@Suite("osaurus-host identity: health and ways out", .serialized, .timeLimit(.minutes(10)))
struct IdentityWaysOutTests {
  /// A host with one agent and a key for it; then its identity is another one, as an older version could leave it.
  private func drifted(_ program: Program) async throws -> MasterKey {
    let agent = try await program("agent", "create", "Ada", "--json")
    try #require(agent.status == 0)
    let key = try await program("key", "create", "--agent", "Ada", "--label", "phone", "--json")
    try #require(key.status == 0)
    let other = try MasterKey.generate()
    let store = FileKeyStore(file: HostFolders(home: URL(filePath: program.home)).keyFile)
    try other.withEntropy { try store.store(SecretBytes(copying: $0), as: .masterKey) }
    return other
  }

  @Test("a host that is well says so, in health, in doctor, and in status and at the start of a service")
  func well() async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada", "--json")
      let health = try await program("identity", "health", "--json")
      #expect(health.status == 0, "\(health)")
      #expect(health.json["healthy"] as? Bool == true)
      #expect(health.json["canDerive"] as? Bool == true)
      #expect(health.json["wordsSlot"] as? String == "matching")
      let words = try await program("identity", "health")
      #expect(words.output.contains("1 agent and 0 keys, all of this identity"))
      let ended = try await program.serve { _ in
        let status = try await program("status")
        #expect(status.output.contains("health       1 agent and 0 keys, all of this identity"))
        let served = try await program("identity", "health", "--json")
        #expect(served.json["agents"] as? Int == 1)
      }
      #expect(ended.log.contains("is in order: 1 agent and 0 keys, all of this identity."))
    }
  }

  @Test("agents and keys of another identity are found and repaired, after it was shown and confirmed")
  func repair() async throws {
    try await Program.run { program in
      let other = try await drifted(program)
      let health = try await program("identity", "health", "--json")
      #expect(health.status == 1)
      #expect(health.json["healthy"] as? Bool == false)
      #expect((health.json["driftedAgents"] as? [[String: Any]])?.count == 1)
      #expect((health.json["staleKeys"] as? [[String: Any]])?.count == 1)
      #expect(health.json["wordsSlot"] as? String == "other")
      #expect(health.json["next"] as? String == "osaurus-host identity repair")
      let words = try await program("identity", "health")
      #expect(words.status == 1)
      #expect(words.output.contains("Ada is at 0x") && words.output.contains("'phone'"))
      let doctor = try await program("doctor", "--json")
      let finding = doctor.list.first { $0["part"] as? String == "identity health" }
      #expect(finding?["state"] as? String == "broken")
      let ended = try await program.serve { _ in }
      #expect(ended.log.contains("is not in order: 1 agent has an address of another identity"))

      let before = try program.files().filter { !$0.key.contains("sqlite") }
      let plan = try await program("identity", "repair", "--dry-run", "--json")
      #expect(plan.json["revokedKeys"] as? Int == 1)
      #expect((plan.json["agents"] as? [[String: Any]])?.first?["name"] as? String == "Ada")
      let unasked = try await program("identity", "repair")
      #expect(unasked.status == 2)
      #expect(unasked.output.contains("Ada gets a new address"))
      #expect(try program.files().filter { !$0.key.contains("sqlite") } == before)
      let done = try await program("identity", "repair", "--yes")
      #expect(done.status == 0, "\(done)")
      let after = try await program("identity", "health", "--json")
      #expect(after.status == 0, "\(after)")
      #expect(after.json["address"] as? String == other.address.checksummed)
      let again = try await program("identity", "repair")
      #expect(again.output.contains("There is nothing to repair."))
      let tested = try await program(
        "storage", "slots", "test", "phrase", "--json",
        input: other.mnemonic().withWords { $0.joined(separator: " ") } + "\n")
      #expect(tested.status == 0, "\(tested)")
    }
  }

  @Test("without the identity nothing is reported but that")
  func lost() async throws {
    try await Program.run { program in
      _ = try await drifted(program)
      try FileKeyStore(file: HostFolders(home: URL(filePath: program.home)).keyFile).remove(.masterKey)
      let health = try await program("identity", "health", "--json")
      #expect(health.status == 1)
      #expect(health.json["canDerive"] as? Bool == false)
      #expect((health.json["driftedAgents"] as? [Any])?.isEmpty == true)
      #expect(health.json["next"] as? String == "osaurus-host recover")
      // And every command names the way back.
      let list = try await program("agent", "list")
      #expect(list.status == 1 && list.errors.contains("osaurus-host recover"))
    }
  }

  @Test("a reset has the address typed and new words written down before it changes anything")
  func reset() async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada", "--json")
      let shown = try await program("identity", "show", "--json")
      let old = try #require(shown.json["address"] as? String)
      let before = try program.words()
      let plan = try await program("identity", "reset", "--dry-run", "--json")
      #expect(plan.json["agents"] as? Int == 1 && plan.json["address"] as? String == old)
      let unasked = try await program("identity", "reset")
      #expect(unasked.status == 2)
      try await program.serve { _ in
        let inUse = try await program("identity", "reset", "--yes", "--json")
        #expect(inUse.status == 1)
      }

      let wrong = try program.onTerminal("identity", "reset")
      try await wrong.see("type the address of this host: ")
      wrong.enter("0x0000000000000000000000000000000000000000")
      #expect(try await wrong.end() == 1)
      let left = try program.onTerminal("identity", "reset")
      try await left.see("type the address of this host: ")
      left.enter(old.lowercased())
      try await left.see("YOUR 24 WORDS")
      left.type(PseudoTerminal.interrupt)
      #expect(try await left.end() == 130)
      #expect(left.normal.contains("Nothing was changed"))
      #expect(try program.words() == before)
      #expect(try program.files().keys.allSatisfy { !$0.contains("next") })

      let done = try await program("identity", "reset", "--yes", "--json")
      #expect(done.status == 0, "\(done)")
      #expect(done.json["previous"] as? String == old)
      let words = try #require(done.json["mnemonic"] as? String)
      #expect(try program.words().joined(separator: " ") == words)
      #expect(try !program.isConfirmed)
      let health = try await program("identity", "health", "--json")
      #expect(health.status == 0, "\(health)")
      let agent = try await program("agent", "show", "Ada", "--json")
      #expect(agent.json["index"] as? Int == 1)
    }
  }

  @Test("keys that were made before are shut when the owner says so")
  func shutKeys() async throws {
    try await Program.run { program in
      _ = try await program("key", "create", "--json")
      let unasked = try await program("identity", "shut-keys")
      #expect(unasked.status == 2)
      let shut = try await program("identity", "shut-keys", "--yes", "--json")
      #expect(shut.status == 0, "\(shut)")
      #expect(shut.json["revokedKeys"] as? Int == 1)
      let keys = try await program("key", "list", "--json")
      #expect(keys.list.allSatisfy { $0["revokedAt"] != nil })
    }
  }

  @Test(
    "on a second host of an identity, a known agent comes back by index or by address, and never by accident")
  func twoHosts() async throws {
    try await Program.run { first in
      let words = try first.words().joined(separator: " ")
      let ada = try await first("agent", "create", "Ada", "--json")
      let bob = try await first("agent", "create", "Bob", "--json")
      try await Program.run(isMade: false) { second in
        let made = try await second("recover", "--keystore", "file", "--json", input: words)
        try #require(made.status == 0)
        let own = try await second("agent", "create", "New", "--json")
        #expect(own.json["index"] as? Int ?? 0 >= 1 << 31)
        let byIndex = try await second("agent", "restore", "Ada", "--index", "0", "--json")
        #expect(byIndex.json["address"] as? String == ada.json["address"] as? String)
        let address = try #require(bob.json["address"] as? String)
        let byAddress = try await second("agent", "restore", "--address", address)
        #expect(byAddress.status == 0, "\(byAddress)")
        #expect(byAddress.output.contains("agent-1 lives here as well, at \(address)"))
        #expect(byAddress.errors.contains("identity shut-keys"))
        let again = try await second("agent", "create", "Other", "--index", "0", "--json")
        #expect(again.code == "index_given")
        let created = try await second("agent", "create", "Cleo", "--index", "2")
        #expect(created.status == 0 && created.errors.contains("Another host"))
        for wrong in [["--index", "1", "--address", address], [], ["--index", "x"]] {
          let refused = try await second.run(["agent", "restore", "X"] + wrong)
          #expect(refused.status == 2)
        }
      }
    }
  }
}
