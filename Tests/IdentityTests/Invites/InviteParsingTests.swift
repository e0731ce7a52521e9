import Foundation
import Testing

@testable import Identity

@Suite("Reading invites")
struct InviteParsingTests {
  /// The members of a good invite, some of them replaced; nil takes one out.
  private static func json(_ changes: [String: Any?] = [:]) throws -> [UInt8] {
    let good = Data(try InviteTests.made().encoded())
    var members = try #require(try JSONSerialization.jsonObject(with: good) as? [String: Any])
    for (key, value) in changes { members[key] = value }
    return [UInt8](try JSONSerialization.data(withJSONObject: members))
  }

  private static func parse(_ json: [UInt8]) throws -> Invite {
    try json.withUnsafeBytes { try Invite(parsing: $0) }
  }

  private static func link(_ json: [UInt8], host: String? = nil) throws -> String {
    let address = try InviteTests.agent().address.lowercased
    return "osaurus://\(host ?? address)?pair=\(Base64URL.string(json))"
  }

  private static let address = "0x331565e19602986634610f4B33Ff7ad182860036"

  @Test("every member that is missing or of another type is named")
  func missing() throws {
    for field in InviteField.allCases where field != .description {
      #expect(throws: InviteRefusal.missing(field)) {
        try Self.parse(try Self.json([field.rawValue: nil]))
      }
    }
    for field in InviteField.allCases {
      #expect(throws: InviteRefusal.missing(field)) {
        try Self.parse(try Self.json([field.rawValue: [1, 2]]))
      }
    }
  }

  @Test("every member that makes no sense is refused for its own reason")
  func malformed() throws {
    let signature = try InviteTests.made().signature.hex
    let long = String(repeating: "a", count: 6000)
    let cases: [(InviteField, [Any])] = [
      (.address, ["", "0x12", String(Self.address.dropLast()) + "g", "0X" + Self.address.dropFirst(2)]),
      (.name, ["", String(long.prefix(513))]),
      (.description, [long]),
      (
        .url,
        [
          "", "host.example", "ftp://host.example", "https://", "https://a b", "https://u:p@host.example",
          "https://host.example?x=1", "https://host.example#x", "http://" + long, "javascript:alert(1)",
        ]
      ),
      (.nonce, ["", "AAAA", Base64URL.string([UInt8](repeating: 1, count: 33)), "AQ/\(long.prefix(40))"]),
      (.expiry, [0, -1]),
      (
        .signature,
        ["", "0x", signature + "00", String(signature.dropLast(2)) + "1d", "zz" + signature.dropFirst(2)]
      ),
    ]
    for (field, values) in cases {
      for value in values {
        #expect(throws: InviteRefusal.malformed(field), "\(field): \(value)") {
          try Self.parse(try Self.json([field.rawValue: value]))
        }
      }
    }
    for version in [0, 2, -1] {
      #expect(throws: InviteRefusal.unsupportedVersion) { try Self.parse(try Self.json(["v": version])) }
    }
  }

  @Test(
    "a signature may have 0x before it, unknown members are passed over, and so is a description that is null"
  )
  func lenience() throws {
    let signature = try InviteTests.made().signature
    let read = try Self.parse(try Self.json(["sig": signature.prefixedHex, "more": ["a": [1]]]))
    #expect(read == (try InviteTests.made()))
    #expect(try Self.parse(try Self.json(["desc": NSNull()])).details.description == nil)
  }

  @Test("what is no link, or a damaged one, is refused for its own reason")
  func links() throws {
    let good = try InviteTests.made().link
    let address = try InviteTests.agent().address.lowercased
    let cases: [(String, InviteRefusal)] = [
      ("", .notALink), ("hello", .notALink), ("https://\(address)?pair=AAAA", .notALink),
      ("osaurus://\(address)", .notALink), ("osaurus://\(address)?pair=", .notALink),
      ("osaurus://\(address)?other=AAAA", .notALink), ("osaurus://\(address)?pair=A", .payloadEncoding),
      ("osaurus://\(address)?pair=A*AA", .payloadEncoding),
      (try Self.link(Array(try Self.json().dropLast(5))), .notAnObject),
      ("osaurus://\(address)?pair=\(Base64URL.string(Array("[1]".utf8)))", .notAnObject),
      ("osaurus://\(address)?pair=\(Base64URL.string(Array("{}".utf8)))", .missing(.version)),
      (good + String(repeating: "A", count: 20000), .tooLong),
      (try Self.link(try Self.json(["more": String(repeating: "a", count: 11990)])), .tooLong),
      (try Self.link(try Self.json(), host: "host.example"), .otherAgent),
      (try Self.link(try Self.json(), host: "0x" + String(repeating: "0", count: 40)), .otherAgent),
    ]
    for (link, refusal) in cases {
      #expect(throws: refusal, "\(link.prefix(80))") { try Invite(link: link) }
    }
    #expect(try Invite(link: good.replacing("osaurus://", with: "OSAURUS://")) == InviteTests.made())
  }

  @Test("every refusal is a sentence, and no two are the same")
  func sentences() {
    let all: [InviteRefusal] =
      [
        .notALink, .tooLong, .payloadEncoding, .notAnObject, .unsupportedVersion, .otherAgent,
        .wrongSignature,
        .alteredDetails, .expired(at: 1),
      ] + InviteField.allCases.flatMap { [.missing($0), .malformed($0)] }
    #expect(Set(all.map(\.description)).count == all.count)
    for refusal in all { #expect(refusal.description.hasSuffix(".")) }
  }

  // MARK: Any change at all

  /// What a link says that a person or a program would act on.
  private static func isTaken(_ link: String, insteadOf made: Invite) -> Bool {
    guard let verified = try? Invite(link: link).verified(now: 0) else { return false }
    // Another spelling of the same invite is the same invite.
    return verified.invite != made || !verified.detailsAreSigned
  }

  @Test("no bit of the JSON can be turned over so that another invite is taken")
  func everyBit() throws {
    let made = try InviteTests.made()
    let json = made.encoded()
    for index in json.indices {
      for bit in 0..<8 {
        var changed = json
        changed[index] ^= 1 << bit
        let link = try Self.link(changed)
        #expect(!Self.isTaken(link, insteadOf: made), "byte \(index), bit \(bit)")
      }
    }
  }

  @Test("no character of the link can be replaced, dropped or put in so that another invite is taken")
  func everyCharacter() throws {
    let made = try InviteTests.made()
    let link = Array(made.link.utf8)
    var random = SeededGenerator(seed: 7)
    for index in link.indices {
      for _ in 0..<4 {
        let character = UInt8.random(in: 0x20...0x7e, using: &random)
        var (replaced, dropped, added) = (link, link, link)
        replaced[index] = character
        dropped.remove(at: index)
        added.insert(character, at: index)
        for changed in [replaced, dropped, added] {
          #expect(!Self.isTaken(String(decoding: changed, as: UTF8.self), insteadOf: made))
        }
      }
    }
  }

  @Test("random bytes and random JSON are refused, and end nothing")
  func noise() throws {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<2000 {
      let bytes = random.bytes(Int.random(in: 0...200, using: &random))
      #expect(throws: InviteRefusal.self) { try Self.parse(bytes) }
      #expect(throws: InviteRefusal.self) { try Invite(link: String(decoding: bytes, as: UTF8.self)) }
      #expect(throws: InviteRefusal.self) { try Invite(link: try Self.link(bytes)) }
    }
  }
}
