import Foundation
import Testing

@testable import Identity

@Suite("Addresses")
struct AddressTests {
  /// The examples of EIP-55.
  static let published = [
    "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
  ]

  @Test("the examples of EIP-55 keep their letters", arguments: published)
  func checksum(text: String) throws {
    let address = try Address(text)
    #expect(address.checksummed == text)
    #expect("\(address)" == text)
    #expect(address.lowercased == text.lowercased())
    #expect(address.abbreviated == "\(text.prefix(6))…\(text.suffix(4))")
  }

  @Test("letters of one case carry no checksum", arguments: published)
  func oneCase(text: String) throws {
    let address = try Address(text)
    #expect(try Address(text.lowercased()) == address)
    #expect(try Address("0x" + text.dropFirst(2).uppercased()) == address)
  }

  @Test("one letter of the wrong case is noticed where a person typed it, and only there")
  func wrongCase() throws {
    let text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    let address = try Address(text)
    for (offset, character) in text.enumerated() where offset >= 2 && character.isLetter {
      var changed = Array(text)
      changed[offset] = Character(
        character.isUppercase ? character.lowercased() : character.uppercased())
      #expect(throws: IdentityError.addressChecksum) { try Address(String(changed)) }
      #expect(Address(ignoringChecksum: String(changed)) == address)
    }
  }

  @Test(
    "what is no address is refused",
    arguments: [
      "", "0x", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
      "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed0",
      "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg", " 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
      "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\n", "0x+aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
      "0x５aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1bea\u{0}d",
    ])
  func refused(text: String) {
    #expect(throws: IdentityError.malformedAddress) { try Address(text) }
    #expect(Address(ignoringChecksum: text) == nil)
  }

  @Test("bytes and text are the same address")
  func bytes() throws {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<100 {
      let bytes = generator.bytes(20)
      let address = try #require(Address(bytes: bytes))
      #expect(address.bytes == bytes)
      #expect(address.lowercased == "0x" + Hex.string(bytes))
      #expect(try Address(address.checksummed) == address)
      #expect(Set([address, try Address(address.lowercased)]).count == 1)
    }
    #expect(Address(bytes: generator.bytes(19)) == nil)
    #expect(Address(bytes: generator.bytes(21)) == nil)
  }

  @Test("addresses that differ in one bit are not equal")
  func oneBit() throws {
    let zero = try #require(Address(bytes: [UInt8](repeating: 0, count: 20)))
    for bit in 0..<160 {
      var bytes = zero.bytes
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(Address(bytes: bytes) != zero)
    }
  }

  @Test("JSON holds the checksummed text and takes any case")
  func json() throws {
    let address = try Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    #expect(String(decoding: try JSONEncoder().encode([address]), as: UTF8.self) == "[\"\(address)\"]")
    let read = try JSONDecoder().decode([Address].self, from: Data("[\"\(address.lowercased)\"]".utf8))
    #expect(read == [address])
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([Address].self, from: Data("[\"0x12\"]".utf8))
    }
  }
}
