import Foundation
import Identity
import Keyring
import SecretMemory
import Testing

@testable import Storage

@Suite("Key slots")
struct KeySlotsTests {
  private let home: TemporaryHost
  private let host = UUID()
  private let file: KeySlotFile
  private let key = DataKey.generate()
  /// The cheapest there may be, once over the memory.
  private let cheap: Argon2Parameters

  init() throws {
    home = try TemporaryHost()
    file = KeySlotFile(folders: home.folders, host: host)
    cheap = try #require(Argon2Parameters(operations: 1, memory: 64 << 20))
  }

  private static func passphrase(_ text: String) throws -> SlotSecret {
    .passphrase(try Passphrase(typed: SecretBytes(count: text.utf8.count) { $0.copyBytes(from: text.utf8) }))
  }

  @Test("the 24 words open the data key, and no others do")
  func phrase() throws {
    let master = try MasterKey.generate()
    try file.add(.phrase(master), for: key)
    let slots = try #require(try file.read())
    #expect(slots.phraseAddress == master.address)
    let again = try MasterKey(mnemonic: master.mnemonic())
    let opened = try #require(try slots.open(with: .phrase(again)))
    #expect(opened.key.isEqual(to: key))
    #expect(opened.slot.kind == .phrase(master.address))
    #expect(try slots.open(with: .phrase(.generate())) == nil)
  }

  @Test("a passphrase opens it too, to the letter, and costs what the slot says")
  func passphrase() throws {
    try file.add(Self.passphrase("correct horse battery"), for: key, cost: cheap)
    let slots = try #require(try file.read())
    let opened = try #require(try slots.open(with: Self.passphrase("correct horse battery")))
    #expect(opened.key.isEqual(to: key))
    guard case .passphrase(let cost, let salt, _) = opened.slot.kind else { return #expect(Bool(false)) }
    #expect(cost == cheap && salt.count == 16)
    #expect(slots.phraseAddress == nil)
    for wrong in ["correct horse batterY", "correct horse battery ", "", "x"] {
      #expect(try slots.open(with: Self.passphrase(wrong)) == nil)
    }
  }

  @Test("a letter is the same letter however it was composed, and in whichever width")
  func normalised() throws {
    try file.add(Self.passphrase("Zu\u{308}rich \u{FF11}2\u{FB01}sch"), for: key, cost: cheap)
    let slots = try #require(try file.read())
    #expect(try slots.open(with: Self.passphrase("Z\u{FC}rich 12fisch")) != nil)
    #expect(try slots.open(with: Self.passphrase("Zurich 12fisch")) == nil)
  }

  @Test("a key that another implementation wrapped is unwrapped")
  func knownAnswer() throws {
    // Argon2id of "correct horse battery" with the salt 0…15, by argon2-cffi: 64 MiB, one pass, one lane.
    let secret = Array("correct horse battery".utf8)
    let derived = try cheap.key(
      for: Passphrase(typed: SecretBytes(count: secret.count) { $0.copyBytes(from: secret) }),
      salt: (0..<16).map { UInt8($0) })
    #expect(
      derived.withUnsafeBytes { String(decoding: Hex.encode(Array($0)), as: UTF8.self) }
        == "2905919e091a896511bb077718e3b5c914ca3ac983254293546248f55b7a68ef")
    // HKDF-SHA256 of 32 bytes of 1 with the info "osaurus-slot-v1:phrase", by Python's hmac.
    let master = try MasterKey(
      entropy: SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: 1, count: 32)) })
    let slotKey = try SlotSecret.phrase(master).key(for: .phrase(master.address))
    #expect(
      slotKey?.withUnsafeBytes { String(decoding: Hex.encode(Array($0)), as: UTF8.self) }
        == "1c5877c5c0df15cc2c257a3afbc5654eb71944ed92fef91675c5cd7baac2bc62")
  }

  @Test("a new passphrase slot costs at least 64 MiB, three times over")
  func measured() throws {
    let cost = try Argon2Parameters.measured()
    #expect(cost.memory >= 64 << 20 && cost.operations * cost.memory >= 3 * 64 << 20)
    #expect(Argon2Parameters(operations: cost.operations, memory: cost.memory) == cost)
  }

  private static let unbearable: [(operations: Int, memory: Int)] = [
    (0, 67_108_864), (-1, 67_108_864), (65, 67_108_864), (1, 67_107_840), (1, 0), (1, -1),
    (1, 2_147_483_648), (5, 1_073_741_824), (1, 67_108_865), (Int.max, Int.max), (1, Int.max),
  ]

  @Test("a file cannot ask for more than a machine has, nor for next to nothing", arguments: unbearable)
  func bounds(operations: Int, memory: Int) throws {
    #expect(Argon2Parameters(operations: operations, memory: memory) == nil)
    try file.add(Self.passphrase("correct horse battery"), for: key, cost: cheap)
    let json = try String(contentsOf: file.file, encoding: .utf8)
    let hostile = json.replacing("\"memory\":67108864", with: "\"memory\":\(memory)")
      .replacing("\"operations\":1,", with: "\"operations\":\(operations),")
    #expect(hostile != json)
    try PrivateFile.replace(file.file, with: Array(hostile.utf8))
    #expect(throws: StorageError.malformedSlots) { try file.read() }
  }

  @Test("slots are added in order and removed one by one, but never the last one")
  func addAndRemove() throws {
    #expect(try file.read() == nil)
    let master = try MasterKey.generate()
    let phrase = try file.add(.phrase(master), for: key, at: Date(timeIntervalSince1970: 1_700_000_000.9))
    #expect(phrase.created == 1_700_000_000)
    #expect(throws: StorageError.lastSlot) { try file.remove(phrase.id, key: key) }
    #expect(throws: StorageError.phraseSlotExists) { try file.add(.phrase(.generate()), for: key) }
    let second = try file.add(Self.passphrase("correct horse battery"), for: key, cost: cheap)
    #expect(try file.read()?.slots.map(\.id) == [phrase.id, second.id])
    let nobody = UUID()
    #expect(throws: StorageError.noSuchSlot(nobody.uuidString)) { try file.remove(nobody, key: key) }
    try file.remove(phrase.id, key: key)
    let left = try #require(try file.read())
    #expect(left.slots.map(\.id) == [second.id])
    #expect(try left.open(with: .phrase(master)) == nil)
    #expect(throws: StorageError.lastSlot) { try file.remove(second.id, key: key) }
    #expect(throws: StorageError.file(.shortPassphrase(minimum: 12))) {
      try file.add(Self.passphrase("too short"), for: key, cost: cheap)
    }
    for _ in 1..<KeySlots.limit {
      try file.add(Self.passphrase("correct horse battery"), for: key, cost: cheap)
    }
    #expect(throws: StorageError.tooManySlots(limit: 8)) { try file.add(.phrase(master), for: key) }
  }

  @Test("the file is the owner's alone and holds neither the key nor what opens it")
  func content() throws {
    let master = try MasterKey.generate()
    try file.add(.phrase(master), for: key)
    try file.add(Self.passphrase("correct horse battery"), for: key, cost: cheap)
    let mode = try FileManager.default.attributesOfItem(atPath: file.file.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let bytes = try Data(contentsOf: file.file)
    let secrets = [
      key.withUnsafeBytes { Data($0) }, master.withEntropy { Data($0) }, Data("correct horse battery".utf8),
    ]
    for secret in secrets {
      for form in [secret, Data(secret.base64EncodedString().utf8), Data(Hex.encode([UInt8](secret)))] {
        #expect(bytes.firstRange(of: form) == nil)
      }
    }
  }

  @Test("the same slot never looks the same twice")
  func fresh() throws {
    let master = try MasterKey.generate()
    let slots = try (0..<20).map { _ in
      try KeySlot(key, under: .phrase(master), host: host, created: 0, cost: nil)
    }
    #expect(Set(slots.map(\.box.fresh)).count == 20)
    #expect(Set(slots.map(\.box.sealed)).count == 20)
  }

  // MARK: Who may not be trusted

  @Test("a file in which any bit was flipped is refused, or opens nothing")
  func everyBit() throws {
    let master = try MasterKey.generate()
    try file.add(.phrase(master), for: key)
    let json = [UInt8](try Data(contentsOf: file.file))
    let secret = SlotSecret.phrase(master)
    for index in json.indices {
      for bit in 0..<8 {
        var changed = json
        changed[index] ^= 1 << bit
        let opened: KeySlots.Opened?
        do {
          let slots = try KeySlots(json: changed)
          // What KeySlotFile refuses.
          opened = slots.host == host ? try slots.open(with: secret) : nil
        } catch {
          continue
        }
        #expect(opened == nil, "bit \(bit) of byte \(index)")
      }
    }
    #expect(try KeySlots(json: json).open(with: secret)?.key.isEqual(to: key) == true)
  }

  @Test("a change in a slot that was not asked is noticed by the one that opens")
  func otherSlot() throws {
    let master = try MasterKey.generate()
    try file.add(.phrase(master), for: key)
    let before = [UInt8](try Data(contentsOf: file.file))
    let second = try file.add(Self.passphrase("correct horse battery"), for: key, cost: cheap)
    let json = try String(contentsOf: file.file, encoding: .utf8)
    let slots = try #require(try file.read())
    let sealed = Data(second.box.sealed).base64EncodedString()
    let other = Data(second.box.sealed.reversed()).base64EncodedString()
    let dates = json.replacing("\"created\":\(second.created),", with: "\"created\":0,")
    for changed in [json.replacing(sealed, with: other), dates] {
      #expect(changed != json)
      let altered = try KeySlots(json: Array(changed.utf8))
      #expect(throws: StorageError.alteredSlots) { try altered.check(with: key) }
      #expect(throws: (any Error).self) {
        if try altered.open(with: .phrase(master)) == nil { throw StorageError.alteredSlots }
      }
      try PrivateFile.replace(file.file, with: Array(changed.utf8))
      #expect(throws: StorageError.alteredSlots) { try file.remove(slots.slots[0].id, key: key) }
      #expect(throws: StorageError.alteredSlots) {
        try file.add(Self.passphrase("correct horse battery"), for: key, cost: cheap)
      }
      #expect(try String(contentsOf: file.file, encoding: .utf8) == changed)
    }
    // The seal of a shorter list does not fit the longer one.
    let spliced = try JSONSerialization.jsonObject(with: Data(before)) as? [String: Any]
    let seal = try #require(spliced?["seal"] as? String)
    let own = try #require(
      (try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])?["seal"] as? String)
    #expect(throws: StorageError.alteredSlots) {
      try KeySlots(json: Array(json.replacing(own, with: seal).utf8)).check(with: key)
    }
  }

  @Test("a slot does not open in another host, and its file is refused there")
  func anotherHost() throws {
    let master = try MasterKey.generate()
    try file.add(.phrase(master), for: key)
    #expect(throws: StorageError.slotsOfAnotherHost) {
      try KeySlotFile(folders: home.folders, host: UUID()).read()
    }
    let slots = try #require(try file.read())
    #expect(try slots.slots[0].open(with: .phrase(master), host: UUID()) == nil)
    // Sealed anew by somebody who has a key of their own.
    let forged = KeySlots(host: host, slots: slots.slots, key: .generate())
    #expect(throws: StorageError.alteredSlots) { try forged.open(with: .phrase(master)) }
  }

  @Test(
    "what was not written here is refused, and left as it is",
    arguments: [
      "", "{}", "null", "[]", "{\"version\":2}", String(repeating: "[", count: 10_000),
      "{\"host\":\"x\",\"seal\":\"\",\"slots\":[],\"version\":2}\n",
    ])
  func foreign(text: String) throws {
    try PrivateFile.replace(file.file, with: Array(text.utf8))
    #expect(throws: StorageError.malformedSlots) { try file.read() }
    #expect(throws: StorageError.malformedSlots) { try file.add(.phrase(.generate()), for: key) }
    #expect(try String(contentsOf: file.file, encoding: .utf8) == text)
  }

  @Test("a newer file, one without slots, one with too many and one with a slot twice are refused")
  func shapes() throws {
    let slot = try file.add(.phrase(.generate()), for: key)
    let json = try String(contentsOf: file.file, encoding: .utf8)
    #expect(throws: StorageError.newerSlots) {
      try KeySlots(json: Array(json.replacing("\"version\":2", with: "\"version\":3").utf8))
    }
    #expect(throws: StorageError.olderSlots) {
      try KeySlots(json: Array(json.replacing("\"version\":2", with: "\"version\":1").utf8))
    }
    for count in [0, 2, 9] {
      let list = KeySlots(host: host, slots: Array(repeating: slot, count: count), key: key)
      #expect(throws: StorageError.malformedSlots) { try KeySlots(json: list.json) }
    }
    for spaced in [" " + json, json + "\n", String(json.dropLast()), json.replacing(",", with: ", ")] {
      #expect(throws: StorageError.malformedSlots) { try KeySlots(json: Array(spaced.utf8)) }
    }
  }

  @Test("a link or a file that others may read is refused")
  func unsafeFile() throws {
    try file.add(.phrase(.generate()), for: key)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.file.path)
    #expect(throws: StorageError.self) { try file.read() }
    let moved = file.file.path + ".moved"
    try FileManager.default.moveItem(atPath: file.file.path, toPath: moved)
    try FileManager.default.createSymbolicLink(atPath: file.file.path, withDestinationPath: moved)
    #expect(throws: StorageError.self) { try file.read() }
  }
}
