import Foundation
import Identity
import Testing

@testable import SecureChannel

@Suite("The answer inside a frame")
struct InnerResponseTests {
  private static let response = RawJSON([
    "body": #""e30""#, "contentType": #""application/json""#, "status": "200",
  ])

  @Test("garbage is no answer", arguments: Garbage.texts)
  func garbage(text: [UInt8]) {
    #expect(throws: SecureChannelError.malformedFrame) { try InnerResponse(text) }
  }

  @Test("an answer that was cut, continued or encoded otherwise is refused")
  func ruins() {
    for text in Garbage.ruins(of: Self.response.bytes) {
      #expect(throws: SecureChannelError.malformedFrame) { try InnerResponse(text) }
    }
  }

  @Test(
    "a status that HTTP has not is refused",
    arguments: [
      "0", "-1", "99", "1000", "-200", "200.5", "18446744073709551615", "1e3", "\"200\"", "null", "true",
    ])
  func status(text: String) {
    for response in [Self.response, Self.response.with("x", "1")] {
      #expect(throws: SecureChannelError.malformedFrame) {
        try InnerResponse(response.with("status", text).bytes)
      }
    }
  }

  @Test("a member of another type is refused")
  func wrongTypes() {
    for key in ["body", "contentType"] {
      for wrong in ["1", "true", "[]", "{}"] {
        #expect(throws: SecureChannelError.malformedFrame) {
          try InnerResponse(Self.response.with(key, wrong).bytes)
        }
      }
    }
    for wrong in ["e", "e3 0", "*", "e31"] {
      #expect(throws: SecureChannelError.malformedFrame) {
        try InnerResponse(Self.response.with("body", "\"\(wrong)\"").bytes)
      }
    }
  }

  @Test("an answer with a long member that nobody knows is read like one without")
  func long() throws {
    let long = try InnerResponse(Self.response.with("x", LongJSON.text).bytes)
    #expect(try long == InnerResponse(Self.response.bytes))
    #expect(throws: SecureChannelError.malformedFrame) {
      try InnerResponse(Self.response.with("x", LongJSON.text + ",").bytes)
    }
  }

  private struct Mirrored: Codable, Equatable {
    let status: Int
    let contentType: String?
    let body: String?
  }

  @Test(
    "Foundation reads what ours writes, and ours what Foundation writes", arguments: 0..<60 as Range<UInt64>)
  func codec(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let response = InnerResponse(
      status: Int.random(in: 100...999, using: &generator),
      contentType: seed % 3 == 0 ? nil : generator.text(upTo: 30),
      body: seed % 4 == 0 ? nil : generator.bytes(Int.random(in: 0...300, using: &generator)))
    let mirrored = Mirrored(
      status: response.status, contentType: response.contentType,
      body: response.body.map(Base64URL.string))
    #expect(try InnerResponse(response.encoded()) == response)
    #expect(try JSONDecoder().decode(Mirrored.self, from: Data(response.encoded())) == mirrored)
    #expect(try InnerResponse(Array(JSONEncoder().encode(mirrored))) == response)
  }
}
