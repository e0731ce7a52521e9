import Foundation
import Testing

@testable import SecureChannel

@Suite("Padding of what is sealed")
struct PaddingTests {
  private func padded(_ content: [UInt8]) -> [UInt8] { content.withUnsafeBytes { Padding.padded($0) } }

  private func content(of bytes: [UInt8]) -> [UInt8]? {
    bytes.withUnsafeBytes { Padding.contentCount(of: $0) }.map { Array(bytes[..<$0]) }
  }

  @Test(
    "every length has a size of the few that there are, with room for the mark and little more than twice as much"
  )
  func sizes() {
    var sizes: Set<Int> = []
    var last = 0
    for count in 0...200_000 {
      let size = Padding.size(for: count)
      sizes.insert(size)
      if size <= count || size < last || (count >= 512 && size > 2 * count) || size > max(count, 512) + 65_536
      {
        Issue.record("\(count) is padded to \(size)")
        return
      }
      last = size
    }
    let powers = (9...16).map { 1 << $0 }
    #expect(sizes.sorted() == powers + [131_072, 196_608, 262_144])
    for count in [1 << 24, (1 << 24) - 1, 64 << 20] {
      #expect(Padding.size(for: count) % 65_536 == 0 && Padding.size(for: count) - count <= 65_536)
    }
  }

  @Test("what is padded is found again, whatever it ends in")
  func roundTrip() {
    var generator = SeededGenerator(1)
    let counts = [
      0, 1, 2, 509, 510, 511, 512, 513, 1023, 1024, 65_534, 65_535, 65_536, 65_537, 131_071, 131_072,
    ]
    for count in counts {
      for end: [UInt8] in [[], [0], [0x80], [0, 0, 0], [0x80, 0], [0x80, 0x80]] where end.count <= count {
        let bytes = generator.bytes(count - end.count) + end
        let whole = padded(bytes)
        #expect(whole.count == Padding.size(for: count) && content(of: whole) == bytes, "\(count) \(end)")
      }
    }
  }

  @Test("padding that is not what would have been made is none")
  func refused() {
    let whole = padded(Array("{}".utf8))
    var wrong: [[UInt8]] = [
      [], [0x80], [0], Array(whole.dropLast()), whole + [0], whole + whole.map { _ in 0 },
    ]
    wrong.append([UInt8](repeating: 0, count: 512))
    for (place, byte) in [(2, 0x81), (2, 0x00), (511, 0x01), (300, 0x7f)] as [(Int, UInt8)] {
      var changed = whole
      changed[place] = byte
      wrong.append(changed)
    }
    // A small content in a large size would say that somebody chose it.
    wrong.append(Array("{}".utf8) + [0x80] + [UInt8](repeating: 0, count: 1021))
    for bytes in wrong { #expect(content(of: bytes) == nil, "\(bytes.count)") }
  }

  @Test("padded calls and answers of many lengths look alike on the wire, and hold what was said")
  func alike() throws {
    let conversation = try Conversation()
    var lengths: Set<Int> = []
    for count in [0, 1, 17, 100, 200] {
      let request = InnerRequest(method: "POST", path: "/x", body: [UInt8](repeating: 0x80, count: count))
      var (body, opener) = conversation.client.seal(request, isPadded: true)
      let opened = try conversation.open(body)
      #expect(opened.request == request)
      var frames: [Int] = []
      for text in ["", "a", String(repeating: "é", count: count), "ends in \u{0}"] {
        let frame = try opened.sealer.frame(text)
        frames.append(frame.count)
        #expect(try opener.text(of: frame) == text)
      }
      let end = try opened.sealer.frame("", isLast: true)
      #expect(try opener.text(of: end) == "" && opener.isFinished)
      #expect(Set(frames).count == 1)
      lengths.insert(body.count)
    }
    #expect(lengths.count == 1)
  }

  @Test("a call that is not padded, and its answer, are version 1 byte for byte, whatever they end in")
  func unpadded() throws {
    let conversation = try Conversation()
    let request = InnerRequest(method: "POST", path: "/x", body: [1, 2, 3])
    let expected = conversation.call(request.encoded())
    var (body, opener) = conversation.client.seal(request)
    #expect(body == expected)
    let opened = try conversation.open(body)
    #expect(!opened.asksForPadding)
    for text in ["", "a", "ends in À", "\u{0}"] {
      #expect(try opener.text(of: opened.sealer.frame(text)) == text)
    }
    #expect(InnerResponse(status: 200).encoded() == Array(#"{"status":200}"#.utf8))
  }

  @Test("who knows of no padding reads no request in a padded one")
  func olderReader() throws {
    let request = InnerRequest(method: "GET", path: "/models")
    #expect(throws: SecureChannelError.malformedInnerRequest) { try InnerRequest(padded(request.encoded())) }
    #expect(throws: (any Error).self) {
      try JSONSerialization.jsonObject(with: Data(padded(request.encoded())))
    }
  }

  @Test("a call whose padding is bad is refused, also by one who has the key, and uses its number up")
  func badCalls() throws {
    let conversation = try Conversation()
    let text = InnerRequest.models.encoded()
    let bad: [[UInt8]] = [
      text + [0], text + [0x80], Array(padded(text).dropLast()), padded(text) + [0], padded(padded(text)),
      padded(text + [0x80]), padded([]), padded(Array("[]".utf8)),
    ]
    for (index, plaintext) in bad.enumerated() {
      let call = conversation.call(plaintext, sequence: UInt64(index + 1))
      #expect(throws: SecureChannelError.malformedInnerRequest, "\(index)") { try conversation.open(call) }
      #expect(throws: SecureChannelError.replayed) { try conversation.open(call) }
    }
    let number = UInt64(bad.count + 1)
    #expect(try conversation.open(conversation.call(padded(text), sequence: number)).request == .models)
  }

  @Test("an answer to a padded call is padded, or refused, and one that was tampered with is refused")
  func badAnswers() throws {
    let conversation = try Conversation()
    let (body, opener) = conversation.client.seal(.models, isPadded: true)
    let opened = try conversation.open(body)
    // The same call's sealer at a host that forgets to pad.
    let forgetful = ResponseSealer(
      sid: conversation.server.sid.text, call: 1, key: conversation.keys.responseKey(for: 1), isPadded: false)
    var first = opener
    let frame = try forgetful.frame("{}")
    #expect(throws: SecureChannelError.malformedFrame) { try first.text(of: frame) }
    #expect(!first.isFinished)
    let good = try opened.sealer.frame("{}")
    for place in stride(from: 12, to: good.count - 12, by: 97) {
      var changed = good
      changed[place] = changed[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      #expect(throws: SecureChannelError.self) { try first.text(of: changed) }
    }
    #expect(try first.text(of: good) == "{}")
  }

  @Test(
    "padding is asked for in a header inside, and offered beside the status",
    arguments: [
      (["X-Osaurus-Padding": "1"], true), (["x-osaurus-padding": "1"], true),
      (["X-Osaurus-Padding": "2"], false),
      (["X-Other": "1"], false), (nil, false),
    ])
  func offer(headers: [String: String]?, isAsked: Bool) throws {
    let conversation = try Conversation()
    let request = InnerRequest(method: "GET", path: "/health", headers: headers)
    #expect(try conversation.open(conversation.client.seal(request).body).asksForPadding == isAsked)
    let offered = InnerResponse(status: 200, padding: 1)
    #expect(offered.encoded() == Array(#"{"padding":1,"status":200}"#.utf8))
    #expect(try InnerResponse(offered.encoded()) == offered)
    for odd in [#""1""#, "null", "1.5", "[]", "99999999999999999999"] {
      #expect(try InnerResponse(Array(#"{"padding":\#(odd),"status":200}"#.utf8)).padding == nil)
    }
  }
}
