import Crypto
import Foundation
import Identity

/// What the content of a turn amounts to: SHA-256 over its fields, each after a byte that says whether there is one and
/// its length in eight bytes, so that text which moves from one field to another, or to another turn, changes it.
enum TurnHash {
  private static let label = Array("osaurus-turn-v1".utf8)

  /// 64 hexadecimal digits.
  static func of(_ turn: TurnRecord, attachments: [AttachmentRecord]) -> String {
    var hash = SHA256()
    func add(_ field: some ContiguousBytes, count: Int) {
      hash.update(data: [1])
      number(count)
      field.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }
    func number(_ value: Int) {
      withUnsafeBytes(of: UInt64(value).bigEndian) { hash.update(bufferPointer: $0) }
    }
    func add(_ text: String?) {
      guard let text else { return hash.update(data: [0]) }
      let bytes = Array(text.utf8)
      add(bytes, count: bytes.count)
    }
    hash.update(data: label)
    number(turn.position)
    for text in [
      turn.sessionID.uuidString, turn.role, turn.content, turn.thinking, turn.toolCalls, turn.toolCallID,
      turn.ending.rawValue,
    ] { add(text) }
    number(attachments.count)
    for attachment in attachments {
      number(attachment.position)
      for text in [attachment.kind, attachment.mediaType, attachment.part, attachment.encoding.rawValue] {
        add(text)
      }
      number(attachment.byteCount)
      if let content = attachment.content { add(content, count: content.count) } else { add(nil as String?) }
      add(attachment.blob)
    }
    return Hex.string(Array(hash.finalize()))
  }
}
