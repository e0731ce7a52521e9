import NIOCore

/// The bytes of a fuzzer, as decisions. When there are no more, every decision is the first one.
struct FuzzInput {
  private var rest: Slice<UnsafeBufferPointer<UInt8>>

  init(_ bytes: UnsafeBufferPointer<UInt8>) { rest = bytes[...] }

  var isEmpty: Bool { rest.isEmpty }

  mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  /// A number from 0 to 65535.
  mutating func number() -> Int { Int(byte()) | Int(byte()) << 8 }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[Int(byte()) % elements.count] }

  /// As many bytes as the first two say, if there are so many.
  mutating func bytes() -> ByteBuffer {
    let count = number()
    defer { rest = rest.dropFirst(count) }
    return ByteBuffer(bytes: rest.prefix(count))
  }

  /// The same, with what the fuzzer cannot know put where the bytes 1, 2 and 3 are.
  mutating func text(_ id: String, _ nonce: String, _ agent: String) -> ByteBuffer {
    var text = ByteBuffer()
    for byte in bytes().readableBytesView {
      switch byte {
      case 1: text.writeString(id)
      case 2: text.writeString(nonce)
      case 3: text.writeString(agent)
      default: text.writeInteger(byte)
      }
    }
    return text
  }
}
