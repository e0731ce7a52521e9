import Crypto
import Foundation
import SecretMemory
import Testing

@testable import Storage

/// Bytes in memory, as a sink and as a source.
final class MemoryBytes: ByteSink, ByteSource {
  private(set) var bytes: Data
  private var offset = 0

  init(_ bytes: Data = Data()) { self.bytes = bytes }

  func write(_ more: Data) { bytes.append(more) }

  func read(_ count: Int) -> Data {
    let given = Data(bytes.dropFirst(offset).prefix(count))
    offset += given.count
    return given
  }
}

@Suite("Sealing to a passphrase in the age format")
struct AgeTests {
  /// Cheap, so that a test can try many.
  private static let logarithm = 4
  private static let phrase = "correct horse battery staple"

  private static func passphrase(_ text: String = phrase) -> SecretBytes {
    SecretBytes(count: text.utf8.count) { $0.copyBytes(from: Array(text.utf8)) }
  }

  private static func seal(_ content: Data, pieces: Int = 10_000, logarithm: Int = logarithm) throws -> Data {
    let target = MemoryBytes()
    let writer = try AgeWriter(passphrase: passphrase(), logarithm: logarithm, to: target)
    for start in stride(from: 0, to: content.count, by: pieces) {
      try writer.write(content[start..<min(start + pieces, content.count)])
    }
    try writer.finish()
    return target.bytes
  }

  private static func open(_ sealed: Data, with text: String = phrase, pieces: Int = 70_000) throws -> Data {
    let reader = try AgeReader(passphrase: passphrase(text), from: MemoryBytes(sealed))
    var content = Data()
    while true {
      let piece = try reader.read(pieces)
      content.append(piece)
      if piece.count < pieces { return content }
    }
  }

  private static func sample(_ count: Int) -> Data {
    Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 3) })
  }

  @Test(
    "what was sealed opens, whatever its length", arguments: [0, 1, 65_535, 65_536, 65_537, 131_072, 200_001])
  func lengths(count: Int) throws {
    let content = Self.sample(count)
    let sealed = try Self.seal(content)
    #expect(try Self.open(sealed) == content)
    #expect(try Self.open(sealed, pieces: 1000) == content)
    let parts = max(1, (count + 65_535) / 65_536)
    let header = try #require(sealed.firstRange(of: Data("\n--- ".utf8))).upperBound + 44
    #expect(sealed.count == header + 16 + count + 16 * parts)
  }

  @Test("another passphrase opens nothing")
  func wrongPassphrase() throws {
    let sealed = try Self.seal(Self.sample(10))
    for text in ["Correct horse battery staple", Self.phrase + " ", "x"] {
      #expect(throws: AgeFault.wrongPassphrase) { try Self.open(sealed, with: text) }
    }
  }

  @Test("a bit that was flipped anywhere is noticed")
  func flips() throws {
    let sealed = try Self.seal(Self.sample(40))
    for offset in sealed.indices {
      for bit in [0, 3, 7] {
        var bent = sealed
        bent[offset] ^= 1 << bit
        #expect(throws: AgeFault.self, "byte \(offset), bit \(bit)") { try Self.open(bent) }
      }
    }
  }

  @Test("a file that was cut anywhere is noticed, and one with something behind its end")
  func lengthsOfFiles() throws {
    let sealed = try Self.seal(Self.sample(40))
    for count in 0..<sealed.count {
      #expect(throws: AgeFault.self, "\(count)") { try Self.open(sealed.prefix(count)) }
    }
    #expect(throws: AgeFault.alteredPart(0)) { try Self.open(sealed + [0]) }
    let full = try Self.seal(Self.sample(65_536))
    #expect(throws: AgeFault.alteredPart(0)) { try Self.open(full + [0]) }
    #expect(throws: AgeFault.alteredPart(0)) { try Self.open(full + full.suffix(16)) }
  }

  @Test("parts that were exchanged, left out, doubled or cut off are noticed")
  func parts() throws {
    let sealed = try Self.seal(Self.sample(3 * 65_536))
    let size = 65_536 + 16
    let head = sealed.prefix(sealed.count - 3 * size)
    let parts = (0..<3).map { sealed[(head.count + $0 * size)..<(head.count + ($0 + 1) * size)] }
    #expect(try Self.open(head + parts[0] + parts[1] + parts[2]).count == 3 * 65_536)
    #expect(throws: AgeFault.alteredPart(0)) { try Self.open(head + parts[1] + parts[0] + parts[2]) }
    #expect(throws: AgeFault.alteredPart(1)) { try Self.open(head + parts[0] + parts[2]) }
    #expect(throws: AgeFault.alteredPart(1)) {
      try Self.open(head + parts[0] + parts[0] + parts[1] + parts[2])
    }
    // What looks like the end of the last whole part is not the end of the file.
    #expect(throws: AgeFault.alteredPart(1)) { try Self.open(head + parts[0] + parts[1]) }
    #expect(throws: AgeFault.alteredPart(2)) {
      try Self.open(head + parts[0] + parts[1] + parts[2] + parts[2])
    }
    let other = try Self.seal(Self.sample(3 * 65_536))
    #expect(throws: AgeFault.alteredPart(2)) {
      try Self.open(head + parts[0] + parts[1] + other.suffix(size))
    }
  }

  @Test("an empty part behind a full one is refused")
  func emptyEnd() throws {
    let fileKey = SecretBytes.random(count: 16)
    let scrypt = AgeScrypt(salt: RandomBytes.make(16), logarithm: Self.logarithm)
    let header = try AgeHeader(fileKey, scrypt: scrypt, passphrase: Self.passphrase())
    let nonce = RandomBytes.make(16)
    var payload = AgePayload(fileKey, nonce: nonce)
    let full = try payload.seal(Self.sample(65_536), isLast: false)
    let empty = try payload.seal(Data(), isLast: true)
    #expect(throws: AgeFault.alteredPart(1)) { try Self.open(header.encoded + nonce + full + empty) }
  }

  @Test("a header in any other form is refused")
  func headers() throws {
    let sealed = try Self.seal(Self.sample(10))
    let lines = String(decoding: sealed.prefix(200), as: UTF8.self).split(separator: "\n").prefix(4).map(
      String.init)
    let rest = sealed.dropFirst(lines.map { $0.utf8.count + 1 }.reduce(0, +))
    func refusal(_ lines: [String], end: String = "\n") -> AgeFault? {
      let bent = Data(lines.map { $0 + end }.joined().utf8) + rest
      do {
        _ = try Self.open(bent)
        return nil
      } catch { return error as? AgeFault }
    }
    #expect(refusal(lines) == nil)
    #expect(refusal(["age-encryption.org/v2"] + lines[1...]) == .notAge)
    #expect(refusal(lines, end: "\r\n") == .notAge)
    #expect(
      refusal([lines[0], "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc"] + lines[2...])
        == .notForPassphrase)
    let words = lines[1].split(separator: " ").map(String.init)
    func stanza(_ salt: String, _ work: String) -> [String] {
      [lines[0], "-> scrypt \(salt) \(work)", lines[2], lines[3]]
    }
    for work in ["04", "+4", "0", "-1", "4 ", " 4", "4x", "", "99999999999999999999"] {
      #expect(refusal(stanza(words[2], work)) == .malformedHeader, "\(work)")
    }
    #expect(refusal(stanza(words[2], "23")) == .tooMuchWork(logarithm: 23))
    #expect(refusal(stanza(words[2] + "==", "4")) == .malformedHeader)
    #expect(refusal(stanza(String(words[2].dropLast(2)), "4")) == .malformedHeader)
    #expect(refusal(stanza(words[2], "5")) == .wrongPassphrase)
    #expect(refusal([lines[0], lines[1] + " more", lines[2], lines[3]]) == .malformedHeader)
    #expect(refusal([lines[0], lines[1], lines[2], lines[1], lines[2], lines[3]]) == .malformedHeader)
    #expect(refusal([lines[0], lines[1], lines[2] + "AAAA", lines[3]]) == .malformedHeader)
    #expect(refusal([lines[0], lines[1], String(repeating: "A", count: 5000), lines[3]]) == .notAge)
    #expect(
      refusal([lines[0], lines[1], lines[2], "--- " + String(repeating: "A", count: 43)]) == .alteredHeader)
    #expect(refusal([lines[0], lines[1], lines[2], "---" + lines[3].dropFirst(4)]) == .malformedHeader)
  }

  @Test("a new file takes scrypt with 2^18 and the header that the format describes")
  func usual() throws {
    let target = MemoryBytes()
    let writer = try AgeWriter(passphrase: Self.passphrase(), to: target)
    try writer.write(Data("hello".utf8))
    try writer.finish()
    let text = String(decoding: target.bytes.prefix(160), as: UTF8.self)
    #expect(text.hasPrefix("age-encryption.org/v1\n-> scrypt "))
    #expect(text.split(separator: "\n")[1].hasSuffix(" 18"))
    #expect(try Self.open(target.bytes) == Data("hello".utf8))
  }
}
