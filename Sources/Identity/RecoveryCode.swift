import SecretMemory

/// `OSAURUS-XXXX-XXXX-XXXX-XXXX`: eight random bytes, shown once and stored nowhere. It restores nothing by
/// itself; it is kept for a claim at a service that may come to ask for it. (spec/01, A5)
public struct RecoveryCode: Sendable {
  /// The code as it is written down.
  public let text: String

  /// A new code.
  public static func random() -> RecoveryCode {
    RecoveryCode(bytes: RandomBytes.make(8))
  }

  init(bytes: [UInt8]) {
    let digits = Hex.string(bytes).uppercased()
    let groups = stride(from: 0, to: 16, by: 4).map { digits.dropFirst($0).prefix(4) }
    text = "OSAURUS-" + groups.joined(separator: "-")
  }
}
