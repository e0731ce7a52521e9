import Foundation
import Identity
import Testing

@testable import SecureChannel

@Suite("Opening a call")
struct ServerSessionTests {
  private static let now = Conversation.now

  private let conversation: Conversation
  private let members: RawJSON

  init() throws {
    conversation = try Conversation()
    let body = conversation.client.seal(.models).body
    struct Call: Decodable { let ct: String }
    let call = try JSONDecoder().decode(Call.self, from: Data(body))
    members = RawJSON([
      "v": "1", "sid": "\"\(conversation.server.sid.text)\"", "seq": "1", "ct": "\"\(call.ct)\"",
    ])
  }

  private var ciphertext: [UInt8] {
    get throws { try #require(Base64URL.decode(members.members[3].value.dropFirst().dropLast())) }
  }

  private func with(ciphertext: [UInt8]) -> [UInt8] {
    members.with("ct", "\"\(Base64URL.string(ciphertext))\"").bytes
  }

  private func expectUntouched() throws {
    #expect(try conversation.open(members.bytes).request == .models)
  }

  @Test(
    "a call of another version is refused, and uses nothing up", arguments: ["0", "2", "-1", "1000", "1001"])
  func version(number: String) throws {
    #expect(throws: SecureChannelError.decryptionFailed) {
      try conversation.open(members.with("v", number).bytes)
    }
    try expectUntouched()
  }

  @Test("a call of another session is refused, whichever of the two it says it belongs to")
  func otherSession() throws {
    let other = try Conversation(nonce: 1)
    let foreign = other.client.seal(.models).body
    #expect(throws: SecureChannelError.sessionUnknown) { try conversation.open(foreign) }
    let sid = conversation.server.sid.text
    let relabelled = String(decoding: foreign, as: UTF8.self).replacing(other.server.sid.text, with: sid)
    #expect(relabelled.contains(sid))
    #expect(throws: SecureChannelError.decryptionFailed) { try conversation.open(Array(relabelled.utf8)) }
    try expectUntouched()
  }

  @Test("every flipped bit of the session's name is refused")
  func sidBits() throws {
    let sid = [UInt8](repeating: 0, count: 16)
    for index in 0..<16 {
      for bit in 0..<8 {
        var changed = sid
        changed[index] ^= 1 << bit
        #expect(throws: SecureChannelError.sessionUnknown) {
          try conversation.open(members.with("sid", "\"\(Base64URL.string(changed))\"").bytes)
        }
      }
    }
    for text in ["", "AAAA", "|"] {
      #expect(throws: SecureChannelError.sessionUnknown) {
        try conversation.open(members.with("sid", "\"\(text)\"").bytes)
      }
    }
    try expectUntouched()
  }

  @Test("every flipped bit of the sequence number is refused")
  func sequenceBits() throws {
    for bit in 0..<64 {
      #expect(throws: SecureChannelError.decryptionFailed) {
        try conversation.open(members.with("seq", "\(1 ^ UInt64(1) << bit)").bytes)
      }
    }
    try expectUntouched()
  }

  @Test("every flipped bit of the ciphertext and of its tag is refused")
  func ciphertextBits() throws {
    let sealed = try ciphertext
    for index in sealed.indices {
      for bit in 0..<8 {
        var changed = sealed
        changed[index] ^= 1 << bit
        #expect(throws: SecureChannelError.decryptionFailed) {
          try conversation.open(with(ciphertext: changed))
        }
      }
    }
    try expectUntouched()
  }

  @Test("a ciphertext that was cut or continued anywhere is refused")
  func ciphertextLength() throws {
    let sealed = try ciphertext
    for count in sealed.indices {
      #expect(throws: SecureChannelError.decryptionFailed) {
        try conversation.open(with(ciphertext: Array(sealed[..<count])))
      }
      #expect(throws: SecureChannelError.decryptionFailed) {
        try conversation.open(with(ciphertext: Array(sealed[(count + 1)...])))
      }
    }
    #expect(throws: SecureChannelError.decryptionFailed) {
      try conversation.open(with(ciphertext: sealed + [0]))
    }
    try expectUntouched()
  }

  @Test("what the server sealed does not come back as a call")
  func direction() throws {
    let opened = try conversation.open(members.bytes)
    let frame = try opened.sealer.frame(#"{"method":"GET","path":"/"}"#)
    struct Frame: Decodable { let ct: String }
    let sealed = try JSONDecoder().decode(Frame.self, from: Data(frame)).ct
    for sequence in 0...3 {
      #expect(throws: SecureChannelError.decryptionFailed) {
        try conversation.open(members.with("ct", "\"\(sealed)\"").with("seq", "\(sequence)").bytes)
      }
    }
  }

  @Test("a call is opened once")
  func replay() throws {
    try expectUntouched()
    for _ in 0..<3 {
      #expect(throws: SecureChannelError.replayed) { try conversation.open(members.bytes) }
    }
    // Another spelling of the same call is the same call.
    let spelled = members.with("x", "0").with("sid", "\"\(conversation.server.sid.text)==\"").bytes
    #expect(throws: SecureChannelError.replayed) { try conversation.open(spelled) }
  }

  @Test("calls may overtake each other by 63, and no more")
  func order() throws {
    let calls = (2...70).map { _ in conversation.client.seal(.models).body }
    #expect(try conversation.open(calls[68]).request == .models)
    for body in calls[5..<68].reversed() { #expect(try conversation.open(body).request == .models) }
    for body in [members.bytes] + calls[..<5] + calls[5..<68] {
      #expect(throws: SecureChannelError.replayed) { try conversation.open(body) }
    }
  }

  @Test("sequence number 0 is refused, though it was sealed well; the far future is not")
  func extremes() throws {
    let inner = InnerRequest.models.encoded()
    #expect(throws: SecureChannelError.replayed) {
      try conversation.open(conversation.call(inner, sequence: 0))
    }
    #expect(try conversation.open(conversation.call(inner, sequence: .max)).request == .models)
    #expect(throws: SecureChannelError.replayed) {
      try conversation.open(conversation.call(inner, sequence: .max))
    }
    #expect(throws: SecureChannelError.replayed) { try conversation.open(members.bytes) }
  }

  @Test("a session ends at its second, for calls that were not seen as well as for those that were")
  func expiry() throws {
    let end = conversation.server.expiresAt
    #expect(end == Self.now + 3600)
    #expect(try conversation.open(members.bytes, now: end - 1).request == .models)
    let later = conversation.client.seal(.models).body
    for now in [end, end + 1, Int64.max] {
      #expect(throws: SecureChannelError.sessionUnknown) { try conversation.open(later, now: now) }
      #expect(throws: SecureChannelError.sessionUnknown) { try conversation.open(members.bytes, now: now) }
    }
    // A refused call was not used up.
    #expect(try conversation.open(later, now: end - 1).request == .models)
  }

  @Test("a sealed request that is none is refused, and uses its number up", arguments: Garbage.texts)
  func malformedInside(text: [UInt8]) throws {
    #expect(throws: SecureChannelError.malformedInnerRequest) {
      try conversation.open(conversation.call(text))
    }
    #expect(throws: SecureChannelError.replayed) { try conversation.open(members.bytes) }
  }

  @Test("of many tasks that send the same call, one is answered")
  func concurrentReplay() async throws {
    let (server, body) = (conversation.server, members.bytes)
    let answered = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<50 {
        group.addTask { (try? server.open(CallRequest(body), now: Self.now)) != nil }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(answered == 1)
  }

  @Test("calls that are sealed at once have numbers of their own, and all are answered")
  func concurrentCalls() async throws {
    let (client, server) = (conversation.client, conversation.server)
    let bodies = await withTaskGroup(of: [UInt8].self) { group in
      for _ in 0..<50 { group.addTask { client.seal(.models).body } }
      return await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(bodies.count == 50)
    for body in bodies { #expect(try server.open(CallRequest(body), now: Self.now).request == .models) }
  }
}
