import Foundation
import Identity

/// A sealed call, as it comes over the wire. (spec/01, B1)
public struct CallRequest: Sendable {
  let version: Int
  /// The session that it claims to belong to, as it is written on the wire.
  let sid: String
  /// Its number within the session.
  public let sequence: UInt64
  /// Nonce ‖ ciphertext ‖ tag; nil when the ciphertext is not base64url or shorter than a tag.
  let box: Data?

  /// The session that it claims to belong to; nil when the text names none.
  public var session: SessionID? { SessionID(sid) }

  /// Reads a request body.
  /// - Throws: ``SecureChannelError/malformedCall``.
  public init(parsing body: UnsafeRawBufferPointer) throws(SecureChannelError) {
    var version: Int?
    var sid: String?
    var sequence: UInt64?
    var ciphertext: FlatJSON.Value?
    let isObject = FlatJSON.scan(body) { key, value in
      if FlatJSON.isKey(key, "ct") { return FlatJSON.fill(&ciphertext, value) }
      if FlatJSON.isKey(key, "seq") { return FlatJSON.fill(&sequence, FlatJSON.integer(value)) }
      if FlatJSON.isKey(key, "sid") { return FlatJSON.fill(&sid, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "v") { return FlatJSON.fill(&version, FlatJSON.integer(value)) }
      return true
    }
    guard isObject, let version, let sid, let sequence, let ciphertext,
      let box = FlatJSON.withText(ciphertext, { AEAD.sealedBox(base64URL: $0, counter: sequence) })
    else { throw .malformedCall }
    self.init(version: version, sid: sid, sequence: sequence, box: box)
  }

  private init(version: Int, sid: String, sequence: UInt64, box: Data?) {
    self.version = version
    self.sid = sid
    self.sequence = sequence
    self.box = box
  }

  /// The body of a call.
  static func encoded(sid: String, sequence: UInt64, sealed: UnsafeRawBufferPointer) -> [UInt8] {
    var writer = ByteWriter(capacity: Base64URL.encodedCount(sealed.count) + 96)
    writer.append("{\"ct\":\"")
    writer.append(base64URL: sealed)
    writer.append("\",\"seq\":")
    writer.append(decimal: sequence)
    writer.append(",\"sid\":\"")
    writer.append(sid.utf8)
    writer.append("\",\"v\":1}")
    return writer.bytes
  }
}
