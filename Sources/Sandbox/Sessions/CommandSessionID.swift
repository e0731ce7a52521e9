import Glibc

/// The name of a running command: nothing can be read from it, and none can be guessed.
public struct CommandSessionID: Hashable, Sendable, Codable, CustomStringConvertible {
  public let description: String

  /// A new one.
  public init() {
    var generator = SystemRandomNumberGenerator()
    let numbers = [generator.next(), generator.next()]
    description = numbers.map { number in
      let digits = String(number, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// One that came from outside; nil when it cannot be one.
  public init?(_ text: String) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    let letters = UInt8(ascii: "a")...UInt8(ascii: "f")
    guard text.utf8.count == 32, text.utf8.allSatisfy({ digits ~= $0 || letters ~= $0 }) else { return nil }
    description = text
  }
}
