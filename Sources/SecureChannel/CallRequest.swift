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
    if let call = Self.fast(body) {
      self = call
    } else {
      guard let message = WireJSON.decode(Message.self, from: body) else {
        throw .malformedCall
      }
      var text = message.ct
      self.init(
        version: message.v, sid: message.sid, sequence: message.seq,
        box: text.withUTF8 {
          AEAD.sealedBox(base64URL: UnsafeRawBufferPointer($0), counter: message.seq)
        })
    }
  }

  private init(version: Int, sid: String, sequence: UInt64, box: Data?) {
    self.version = version
    self.sid = sid
    self.sequence = sequence
    self.box = box
  }

  private struct Message: Decodable {
    let v: Int
    let sid: String
    let seq: UInt64
    let ct: String
  }

  /// The same for the plain form that every sender uses; nil leaves the text to the decoder.
  private static func fast(_ body: UnsafeRawBufferPointer) -> CallRequest? {
    var version: UInt64?
    var sid: String?
    var sequence: UInt64?
    var ciphertext: UnsafeRawBufferPointer?
    let isFlat = FlatJSON.scan(body) { key, value in
      switch value {
      case .string(let content):
        if FlatJSON.isKey(key, "ct"), ciphertext == nil {
          ciphertext = content
          return true
        }
        guard FlatJSON.isKey(key, "sid"), sid == nil else { return false }
        sid = String(decoding: content, as: UTF8.self)
        return true
      case .unsigned(let number):
        if FlatJSON.isKey(key, "seq"), sequence == nil {
          sequence = number
          return true
        }
        guard FlatJSON.isKey(key, "v"), version == nil else { return false }
        version = number
        return true
      case .slashEscaped, .boolean, .object:
        return false
      }
    }
    guard isFlat, let sid, let sequence, let ciphertext, let version, version <= 1000 else { return nil }
    return CallRequest(
      version: Int(version), sid: sid, sequence: sequence,
      box: AEAD.sealedBox(base64URL: ciphertext, counter: sequence))
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
