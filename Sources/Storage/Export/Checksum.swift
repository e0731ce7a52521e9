import Crypto
public import Foundation
import Identity

/// SHA-256 of what comes bit by bit.
public struct Checksum {
  private var hash = SHA256()

  public init() {}

  public mutating func update(_ bytes: Data) { hash.update(data: bytes) }

  /// 64 hexadecimal digits.
  public func finish() -> String { Hex.string(Array(hash.finalize())) }

  public static func of(_ bytes: Data) -> String {
    var checksum = Checksum()
    checksum.update(bytes)
    return checksum.finish()
  }
}
