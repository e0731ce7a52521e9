import Glibc
import SecretMemory

/// Hides known secrets in a stream, also where one is split over pieces. What could be the beginning of one is held back until it
/// is known.
struct OutputScrubber: Sendable {
  /// Shorter values are words of every text.
  static let shortest = 6

  /// What is looked for: the bytes of a secret, as they may appear, under its name.
  private final class Pattern: Sendable {
    let bytes: SecretBytes
    let replacement: [UInt8]

    init(_ bytes: consuming SecretBytes, name: String) {
      self.bytes = bytes
      replacement = Array("[REDACTED:\(name)]".utf8)
    }
  }

  /// The longest first.
  private let patterns: [Pattern]
  private let beginnings: Set<UInt8>
  private var held: [UInt8] = []

  init(_ secrets: [AgentSecret], onTerminal: Bool) {
    var patterns: [Pattern] = []
    for secret in secrets where secret.count >= Self.shortest {
      secret.withBytes { bytes in
        patterns.append(Pattern(SecretBytes(copying: bytes), name: secret.name))
        // A terminal shows a line end as two characters.
        if onTerminal, bytes.contains(0x0a) {
          var shown = bytes.flatMap { $0 == 0x0a ? [0x0d, 0x0a] : [$0] }
          patterns.append(Pattern(SecretBytes(taking: &shown), name: secret.name))
        }
      }
    }
    self.patterns = patterns.sorted { $0.bytes.count > $1.bytes.count }
    beginnings = Set(patterns.map { $0.bytes.withUnsafeBytes { bytes in bytes[0] } })
  }

  /// Whether there is nothing to hide.
  var isIdle: Bool { patterns.isEmpty }

  /// Takes a piece and gives what may be shown.
  mutating func pass(_ piece: [UInt8]) -> [UInt8] {
    guard !patterns.isEmpty else { return piece }
    return shown(held + piece, isLast: false)
  }

  /// What was held back, at the end of the stream.
  mutating func finish() -> [UInt8] { held.isEmpty ? [] : shown(held, isLast: true) }

  private mutating func shown(_ text: [UInt8], isLast: Bool) -> [UInt8] {
    held = []
    var shown: [UInt8] = []
    shown.reserveCapacity(text.count)
    var place = 0
    search: while place < text.count {
      guard beginnings.contains(text[place]) else {
        shown.append(text[place])
        place += 1
        continue
      }
      let left = text.count - place
      for pattern in patterns {
        let length = min(pattern.bytes.count, left)
        guard Self.begins(pattern, text, at: place, length) else { continue }
        if length == pattern.bytes.count {
          shown += pattern.replacement
          place += length
          continue search
        }
        // It may be this one, and only what follows tells.
        if !isLast {
          held = Array(text[place...])
          return shown
        }
      }
      shown.append(text[place])
      place += 1
    }
    return shown
  }

  private static func begins(_ pattern: Pattern, _ text: [UInt8], at place: Int, _ length: Int) -> Bool {
    pattern.bytes.withUnsafeBytes { bytes in
      text.withUnsafeBytes { memcmp(bytes.baseAddress!, $0.baseAddress! + place, length) == 0 }
    }
  }
}
