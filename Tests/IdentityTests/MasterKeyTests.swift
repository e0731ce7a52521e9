import SecretMemory
import Testing

@testable import Identity

@Suite("Master keys")
struct MasterKeyTests {
  @Test("the recorded people have their addresses, their words and their agents")
  func recorded() throws {
    let people = try RecordedAnswers.load().identity
    #expect(!people.isEmpty)
    for person in people {
      let master = try MasterKey.testing(person.master)
      #expect(master.address.checksummed == person.address)
      let phrase = master.mnemonic().withPhrase { $0 }
      #expect(phrase == person.mnemonic)
      for agent in person.agents {
        let key = try master.agentKey(AgentIndex(rawValue: agent.index))
        #expect(key.address.checksummed == agent.address)
        #expect(key.withScalar { Hex.string(Array($0)) } == agent.key)
      }
    }
  }

  @Test(
    "the keys below a master are those of an independent implementation",
    arguments: [
      (0, "0x331565e19602986634610f4B33Ff7ad182860036"),
      (1, "0x68f7323C76Ef2846fEfA87468bcd1Ef746838368"),
      (2, "0x8F9152E8B61602fbA88C6fc9A45f5f23158e77F0"),
    ])
  func independent(index: UInt32, address: String) throws {
    #expect(try MasterKey.alice().agentKey(AgentIndex(rawValue: index)).address.checksummed == address)
  }

  @Test("the pairing key is that of an independent implementation, and always the same")
  func pairing() throws {
    let alice = try MasterKey.alice()
    #expect(try alice.pairingKey().address.checksummed == "0xc046a65EFf14D59Be142c9511258e567e4dE9A83")
    #expect(try alice.pairingKey().address == alice.pairingKey().address)
  }

  @Test("every agent has an address of its own")
  func distinct() throws {
    let alice = try MasterKey.alice()
    let indices: [UInt32] = [0, 1, 2, 255, 256, 65536, 1 << 24, .max]
    var addresses = try Set(indices.map { try alice.agentKey(AgentIndex(rawValue: $0)).address })
    addresses.insert(alice.address)
    addresses.insert(try alice.pairingKey().address)
    #expect(addresses.count == indices.count + 2)
  }

  @Test("a new identity comes back from its words")
  func recovery() throws {
    let master = try MasterKey.generate()
    let phrase = master.mnemonic().withPhrase { $0 }
    let recovered = try MasterKey(mnemonic: Mnemonic(parsing: phrase))
    #expect(recovered.address == master.address)
  }

  @Test("two new identities differ")
  func generation() throws {
    #expect(try MasterKey.generate().address != MasterKey.generate().address)
  }

  @Test("words whose entropy is no private key are refused")
  func notAKey() throws {
    let art = try Mnemonic(parsing: String(repeating: "abandon ", count: 23) + "art")
    #expect(throws: IdentityError.invalidScalar) { try MasterKey(mnemonic: art) }
  }

  @Test("the entropy that is lent is the one that was taken")
  func entropy() throws {
    let hex = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
    #expect(try MasterKey.testing(hex).withEntropy { Hex.string(Array($0)) } == hex)
  }

  @Test(
    "a recovery code is eight bytes in four groups",
    arguments: [
      ([UInt8](repeating: 0, count: 8), "OSAURUS-0000-0000-0000-0000"),
      ([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef], "OSAURUS-0123-4567-89AB-CDEF"),
    ])
  func recoveryCode(bytes: [UInt8], text: String) {
    #expect(RecoveryCode(bytes: bytes).text == text)
    #expect(RecoveryCode.random().text != RecoveryCode.random().text)
  }
}
