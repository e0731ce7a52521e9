import Foundation
import Identity
import Testing

@testable import SecureChannel

@Suite("Answers, frame by frame")
struct ResponseTests {
  private let conversation: Conversation
  private var opener: ResponseOpener
  private let sealer: ResponseSealer

  init() throws {
    conversation = try Conversation()
    (opener, sealer) = try conversation.exchange()
  }

  private struct Frame: Codable {
    var seq: UInt64
    var ct: String
    var fin: Bool?

    init(_ bytes: [UInt8]) throws { self = try JSONDecoder().decode(Frame.self, from: Data(bytes)) }

    var bytes: [UInt8] { get throws { Array(try JSONEncoder().encode(self)) } }

    func changed(_ change: (inout Frame) -> Void) throws -> [UInt8] {
      var copy = self
      change(&copy)
      return try copy.bytes
    }
  }

  private static let refusals: Set<SecureChannelError> = [.malformedFrame, .decryptionFailed]

  /// The opener refuses `frame`, and is where it was.
  private func expectRefused(
    _ frame: [UInt8], by opener: ResponseOpener, _ expected: SecureChannelError,
    location: SourceLocation = #_sourceLocation
  ) {
    var copy = opener
    #expect(throws: expected, sourceLocation: location) { try copy.text(of: frame) }
    #expect(copy.isFinished == opener.isFinished, sourceLocation: location)
  }

  @Test("an answer of many frames opens in order, up to its end")
  func stream() throws {
    var opener = opener
    for index in 0..<100 {
      #expect(try opener.text(of: sealer.frame("piece \(index)")) == "piece \(index)")
      #expect(!opener.isFinished)
    }
    #expect(try opener.text(of: sealer.frame("", isLast: true)) == "")
    #expect(opener.isFinished)
  }

  @Test("events hold the frames that would be sent alone")
  func events() throws {
    let plaintext = Array("data: {}\n\n".utf8)
    let (_, other) = try Conversation().exchange()
    var decoder = EventStreamDecoder()
    for isLast in [false, false, true] {
      let frame = try plaintext.withUnsafeBytes { try sealer.seal($0, isLast: isLast) }
      let event = try plaintext.withUnsafeBytes { try other.sealEvent($0, isLast: isLast) }
      #expect(event == Array("data: ".utf8) + frame + Array("\n\n".utf8))
      #expect(try decoder.feed(event) == [frame])
    }
  }

  @Test("after its end nothing is sealed")
  func sealedEnd() throws {
    _ = try sealer.frame("a", isLast: true)
    for isLast in [false, true] {
      #expect(throws: SecureChannelError.alreadyFinished) { try sealer.frame("b", isLast: isLast) }
      #expect(throws: SecureChannelError.alreadyFinished) {
        try [UInt8]().withUnsafeBytes { try sealer.sealEvent($0, isLast: isLast) }
      }
    }
  }

  @Test("after its end nothing is opened, not even what was sealed well")
  func openedEnd() throws {
    let (first, second) = (try sealer.frame("a"), try sealer.frame("", isLast: true))
    var opener = opener
    _ = try opener.text(of: first)
    _ = try opener.text(of: second)
    // The frame that would be next, sealed with the right key.
    let additional = AEAD.responseData(sid: conversation.client.sid, call: 1, frame: 2, isLast: true)
    let third = Array("more".utf8).withUnsafeBytes {
      AEAD.seal($0, key: conversation.keys.responseKey(for: 1), counter: 2, additional: additional) {
        sealed in
        var writer = ByteWriter(capacity: 64)
        ResponseFrame.write(sequence: 2, isLast: true, sealed: sealed, to: &writer)
        return writer.bytes
      }
    }
    for frame in [first, second, third] { expectRefused(frame, by: opener, .malformedFrame) }
  }

  @Test("an answer that was cut has not ended, wherever it was cut")
  func cut() throws {
    let frames = try (0..<4).map { try sealer.frame("\($0)", isLast: $0 == 3) }
    for count in frames.indices {
      var opener = opener
      for frame in frames[..<count] { _ = try opener.text(of: frame) }
      #expect(!opener.isFinished)
    }
  }

  @Test("frames that are repeated, left out or swapped are refused, and the right one still opens")
  func order() throws {
    let frames = try (0..<4).map { try sealer.frame("\($0)", isLast: $0 == 3) }
    var opener = opener
    for expected in frames.indices {
      for other in frames.indices where other != expected {
        expectRefused(frames[other], by: opener, .malformedFrame)
      }
      #expect(try opener.text(of: frames[expected]) == "\(expected)")
    }
    #expect(opener.isFinished)
  }

  @Test("a frame renumbered to where it would fit is refused")
  func renumbered() throws {
    let (first, second) = (try sealer.frame("a"), try sealer.frame("b"))
    expectRefused(try Frame(second).changed { $0.seq = 0 }, by: opener, .decryptionFailed)
    var opener = opener
    _ = try opener.text(of: first)
    expectRefused(try Frame(first).changed { $0.seq = 1 }, by: opener, .decryptionFailed)
  }

  @Test("an end that was put on or taken off is refused")
  func end() throws {
    let first = try Frame(sealer.frame("a"))
    expectRefused(try first.changed { $0.fin = true }, by: opener, .decryptionFailed)
    var opener = opener
    // An end that is written as absent is absent.
    #expect(try opener.text(of: first.changed { $0.fin = false }) == "a")
    let last = try Frame(sealer.frame("", isLast: true))
    for fin in [nil, false] {
      expectRefused(try last.changed { $0.fin = fin }, by: opener, .decryptionFailed)
    }
    #expect(try opener.text(of: last.bytes) == "" && opener.isFinished)
  }

  @Test("every flipped bit of a frame's text and tag is refused", arguments: [false, true])
  func bits(isLast: Bool) throws {
    let frame = try Frame(sealer.frame("some text", isLast: isLast))
    let sealed = try #require(Base64URL.decode(frame.ct))
    for index in sealed.indices {
      for bit in 0..<8 {
        var changed = sealed
        changed[index] ^= 1 << bit
        expectRefused(
          try frame.changed { $0.ct = Base64URL.string(changed) }, by: opener, .decryptionFailed)
      }
      expectRefused(
        try frame.changed { $0.ct = Base64URL.string(Array(sealed[..<index])) }, by: opener,
        .decryptionFailed)
    }
  }

  @Test("every flipped bit of a frame's JSON is refused, or changes nothing")
  func jsonBits() throws {
    let frame = try sealer.frame("some text", isLast: true)
    for index in frame.indices {
      for bit in 0..<8 {
        var changed = frame
        changed[index] ^= 1 << bit
        var copy = opener
        do {
          #expect(try copy.text(of: changed) == "some text")
          #expect(copy.isFinished)
        } catch let error as SecureChannelError {
          #expect(Self.refusals.contains(error))
        }
      }
    }
  }

  @Test("the frames of another call, another session, or the call itself are refused")
  func binding() throws {
    let (later, laterSealer) = try conversation.exchange()
    let (_, foreignSealer) = try Conversation(nonce: 1).exchange()
    expectRefused(try laterSealer.frame("a"), by: opener, .decryptionFailed)
    expectRefused(try sealer.frame("a"), by: later, .decryptionFailed)
    expectRefused(try foreignSealer.frame("a"), by: opener, .decryptionFailed)
    let call = try Frame(conversation.client.seal(.models).body)
    expectRefused(try call.changed { $0.seq = 0 }, by: opener, .decryptionFailed)
  }

  @Test("garbage is no frame", arguments: Garbage.texts)
  func garbage(text: [UInt8]) { expectRefused(text, by: opener, .malformedFrame) }

  @Test("a frame that was cut, continued or encoded otherwise is refused")
  func ruins() throws {
    for text in Garbage.ruins(of: try sealer.frame("a", isLast: true)) {
      expectRefused(text, by: opener, .malformedFrame)
    }
  }

  @Test("a member that is missing or of another type is refused")
  func wrongTypes() throws {
    let frame = try Frame(sealer.frame("a", isLast: true))
    let members = RawJSON(["ct": "\"\(frame.ct)\"", "fin": "true", "seq": "0"])
    for key in ["ct", "seq"] {
      for wrong in [nil, "null", "[]", "{}", "true", "-1", "1.5", "18446744073709551616"] {
        expectRefused(members.with(key, wrong).bytes, by: opener, .malformedFrame)
      }
    }
    for wrong in ["1", "0", "\"true\"", "[]", "{}", "True"] {
      expectRefused(members.with("fin", wrong).bytes, by: opener, .malformedFrame)
    }
    for wrong in ["", "*", "AAAA", "é", "A"] {
      expectRefused(members.with("ct", "\"\(wrong)\"").bytes, by: opener, .decryptionFailed)
    }
    for unknown in ["{\"a\":[]}", LongJSON.text] {
      var copy = opener
      #expect(try copy.text(of: members.with("x", unknown).bytes) == "a" && copy.isFinished)
    }
  }

  @Test("an answer in one frame must end with it")
  func buffered() throws {
    let text = InnerResponse(status: 200, contentType: "a/b", body: [1, 2]).encoded()
    let frame = try text.withUnsafeBytes { try sealer.seal($0, isLast: false) }
    var opener = opener
    #expect(throws: SecureChannelError.streamTruncated) {
      try frame.withUnsafeBytes { try opener.openBuffered($0) }
    }
    var (next, nextSealer) = try conversation.exchange()
    let whole = try text.withUnsafeBytes { try nextSealer.seal($0, isLast: true) }
    let answer = try whole.withUnsafeBytes { try next.openBuffered($0) }
    #expect(answer == InnerResponse(status: 200, contentType: "a/b", body: [1, 2]))
  }

  @Test("frames that are sealed at once have numbers of their own")
  func concurrent() async throws {
    let sealer = sealer
    let frames = try await withThrowingTaskGroup(of: [UInt8].self) { group in
      for _ in 0..<50 { group.addTask { try sealer.frame("x") } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    var opener = opener
    for frame in try frames.sorted(by: { try Frame($0).seq < Frame($1).seq }) {
      #expect(try opener.text(of: frame) == "x")
    }
  }
}
