import Foundation
import Testing

@testable import SecureChannel

@Suite("There and back")
struct RoundTripTests {
  @Test(
    "a request and its answer of any size arrive as they were sent",
    arguments: [
      0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1023, 1024, 4095, 4097, 16_384, 65_535, 65_536,
      70_000,
    ])
  func sizes(count: Int) throws {
    let conversation = try Conversation()
    var generator = SeededGenerator(UInt64(count))
    let request = InnerRequest(method: "POST", path: "/x", body: generator.bytes(count))
    var (body, opener) = conversation.client.seal(request)
    let opened = try conversation.open(body)
    #expect(opened.request == request)
    let response = InnerResponse(status: 200, contentType: "application/octet-stream", body: request.body)
    let frame = try response.encoded().withUnsafeBytes { try opened.sealer.seal($0, isLast: true) }
    #expect(try frame.withUnsafeBytes { try opener.openBuffered($0) } == response)
    #expect(opener.isFinished)
  }

  @Test("random conversations arrive as they were sent", arguments: 0..<20 as Range<UInt64>)
  func conversations(seed: UInt64) throws {
    let conversation = try Conversation(nonce: UInt8(seed))
    var generator = SeededGenerator(seed)
    for _ in 0..<8 {
      let request = InnerRequestTests.random(&generator)
      var (body, opener) = conversation.client.seal(request)
      let opened = try conversation.open(body)
      #expect(opened.request == request)

      let count = Int.random(in: 0...6, using: &generator)
      let pieces = (0..<count).map { _ in generator.bytes(Int.random(in: 0...500, using: &generator)) }
      var stream: [UInt8] = []
      for piece in pieces {
        stream += try piece.withUnsafeBytes { try opened.sealer.sealEvent($0, isLast: false) }
      }
      stream += try [UInt8]().withUnsafeBytes { try opened.sealer.sealEvent($0, isLast: true) }
      var decoder = EventStreamDecoder()
      var arrived: [[UInt8]] = []
      while !stream.isEmpty {
        let cut = Int.random(in: 1...max(1, stream.count / 2), using: &generator)
        for frame in try decoder.feed(stream[..<cut]) {
          arrived.append(try frame.withUnsafeBytes { try opener.open($0) })
        }
        stream.removeFirst(cut)
      }
      #expect(arrived == pieces + [[]])
      #expect(opener.isFinished)
    }
  }

  @Test("what goes over the wire shows neither the question, nor the key, nor the answer")
  func opaque() throws {
    let conversation = try Conversation()
    let secret = "a question nobody else should read"
    let (body, _) = conversation.client.seal(
      InnerRequest(method: "POST", path: "/hidden", authorization: secret, body: Array(secret.utf8)))
    let sealer = try conversation.open(body).sealer
    let wire = String(decoding: body + (try sealer.frame(secret, isLast: true)), as: UTF8.self)
    for text in [secret, "hidden", "POST", Data(secret.utf8).base64EncodedString().prefix(40)]
      as [any StringProtocol]
    {
      #expect(!wire.contains(String(text)))
    }
    // The same request twice is not the same text.
    #expect(conversation.client.seal(.models).body != conversation.client.seal(.models).body)
  }
}
