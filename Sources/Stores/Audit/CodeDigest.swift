import Crypto
import Foundation
import Identity

/// What of a program the audit keeps: its SHA-256, by which whoever has the program finds it again.
public struct CodeDigest: Hashable, Sendable {
  /// The number of bytes.
  public static let byteCount = 32

  public let bytes: [UInt8]

  /// Of a text that a shell reads: of its UTF-8.
  public init(command: String) { bytes = Array(SHA256.hash(data: Data(command.utf8))) }

  /// Of words that no shell reads: of each followed by a zero byte.
  public init(arguments: [String]) {
    var hash = SHA256()
    for word in arguments {
      hash.update(data: Data(word.utf8))
      hash.update(data: [0])
    }
    bytes = Array(hash.finalize())
  }

  /// Takes exactly 32 bytes.
  init?(bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = Array(bytes)
  }

  /// Takes 64 hexadecimal digits.
  public init?(hex: some StringProtocol) {
    guard let bytes = Hex.decode(hex) else { return nil }
    self.init(bytes: bytes)
  }

  /// 64 lowercase digits.
  public var hex: String { Hex.string(bytes) }
}
