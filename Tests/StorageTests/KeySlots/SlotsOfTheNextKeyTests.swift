import Foundation
import Identity
import Keyring
import SecretMemory
import Testing

@testable import Storage

@Suite("Key slots around another data key")
struct SlotsOfTheNextKeyTests {
  private let home: TemporaryHost
  private let host = UUID()
  private let file: KeySlotFile
  private let old = DataKey.generate()
  private let new = DataKey.generate()
  private let cheap: Argon2Parameters

  init() throws {
    home = try TemporaryHost()
    file = KeySlotFile(folders: home.folders, host: host)
    cheap = try #require(Argon2Parameters(operations: 1, memory: 64 << 20))
  }

  private static func passphrase(_ text: String = "correct horse battery") throws -> SlotSecret {
    .passphrase(try Passphrase(typed: SecretBytes(count: text.utf8.count) { $0.copyBytes(from: text.utf8) }))
  }

  @Test("what another implementation sealed to a passphrase opens")
  func knownAnswer() throws {
    // By Python's cryptography: HPKE to the X25519 key whose private part is what argon2-cffi made of the passphrase;
    // the data key is 32 bytes of 2.
    let json = """
      {"host":"00000000-0000-4000-8000-000000000001","seal":"bF6vAYbq+TfMhOsxNvL6kYDcqoejEPGo8RQ0lc78I/M=","slots":[{"created":1700000000,"encapsulated":"L+ACStEwLloSHdJA0xYjgjT4TmkpOC8BoG3L4duP1TY=","id":"00000000-0000-4000-8000-000000000002","kind":"passphrase","memory":67108864,"operations":1,"publicKey":"6jdqOHMQw2vmG2D9agdtvkKFD2jJfbs+g3LLhQ7KCw8=","salt":"AAECAwQFBgcICQoLDA0ODw==","sealed":"CIzki/3rSRF6DbrYGVzkdicoDvwbbtil8b2xQ5GTdggOygWb2cSewhK48Nw0abmX"}],"version":2}

      """
    let slots = try KeySlots(json: Array(json.utf8))
    let opened = try #require(try slots.open(with: Self.passphrase()))
    #expect(try opened.key.isEqual(to: TemporaryHost.key(2)))
    #expect(try slots.open(with: Self.passphrase("correct horse batterY")) == nil)
  }

  @Test("words and passphrase open the new key, and nobody is asked for them")
  func follow() throws {
    let master = try MasterKey.generate()
    try file.add(.phrase(master), for: old)
    try file.add(Self.passphrase(), for: old, cost: cheap)
    let before = try #require(try file.read())
    let after = try before.holding(new, insteadOf: old, master: master)
    #expect(after.slots.map(\.id) == before.slots.map(\.id))
    #expect(after.slots.map(\.kind) == before.slots.map(\.kind))
    #expect(after.slots.map(\.created) == before.slots.map(\.created))
    #expect(try after.open(with: .phrase(master))?.key.isEqual(to: new) == true)
    #expect(try after.open(with: Self.passphrase())?.key.isEqual(to: new) == true)
    #expect(try before.open(with: Self.passphrase())?.key.isEqual(to: old) == true)
    #expect(throws: StorageError.alteredSlots) { try after.check(with: old) }
    #expect(try KeySlots(json: after.json) == after)
  }

  @Test("a public key that somebody put into the file does not get the new key")
  func exchangedPublicKey() throws {
    let master = try MasterKey.generate()
    try file.add(Self.passphrase(), for: old, cost: cheap)
    let slots = try #require(try file.read())
    guard case .passphrase(_, _, let publicKey) = slots.slots[0].kind else { return #expect(Bool(false)) }
    let json = String(decoding: slots.json, as: UTF8.self)
    let foreign = SlotBox.publicKey(of: .random(count: 32))
    let bent = json.replacing(
      Data(publicKey).base64EncodedString(), with: Data(foreign).base64EncodedString())
    #expect(bent != json)
    let altered = try KeySlots(json: Array(bent.utf8))
    #expect(throws: StorageError.alteredSlots) {
      try altered.holding(new, insteadOf: old, master: master)
    }
  }

  @Test("the slot of another identity's words is refused, and named")
  func otherIdentity() throws {
    try file.add(.phrase(.generate()), for: old)
    let slots = try #require(try file.read())
    #expect {
      try slots.holding(new, insteadOf: old, master: .generate())
    } throws: { error in
      guard case StorageError.slotCannotFollow("phrase", _) = error else { return false }
      return String(describing: error).contains("storage slots remove phrase")
    }
  }

  @Test("a passphrase slot in which any bit was flipped is refused, or opens nothing")
  func everyBit() throws {
    try file.add(Self.passphrase(), for: old, cost: cheap)
    let json = [UInt8](try Data(contentsOf: file.file))
    let start = try #require(json.firstRange(of: Array("\"encapsulated\"".utf8))?.lowerBound)
    // Argon2id takes its time; the parts that it does not depend on are bent under its one answer.
    for index in json.indices where index >= start {
      var changed = json
      changed[index] ^= 1
      guard let slots = try? KeySlots(json: changed), slots.host == host else { continue }
      #expect(throws: StorageError.alteredSlots) { try slots.check(with: old) }
    }
  }
}
