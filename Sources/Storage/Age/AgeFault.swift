/// Why a file sealed to a passphrase was refused.
public enum AgeFault: Error, Hashable, Sendable {
  /// It does not begin as a file of the format does.
  case notAge
  /// Its header is not in the one form in which it may be.
  case malformedHeader
  /// It was sealed to somebody's key, not to a passphrase.
  case notForPassphrase
  /// Turning the passphrase into its key would take more than is reasonable.
  case tooMuchWork(logarithm: Int)
  /// The passphrase is another one.
  case wrongPassphrase
  /// Its header was changed.
  case alteredHeader
  /// A part of it was changed, moved, left out or added.
  case alteredPart(UInt64)
  /// The machine has not the memory that turning the passphrase into its key takes.
  case notEnoughMemory(mebibytes: Int)
}

extension AgeFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notAge: "it is not sealed in the age format, version 1."
    case .malformedHeader: "its header is not what the age format allows. Take another copy."
    case .notForPassphrase:
      "it is sealed to a key, not to a passphrase. Open it with 'age -d -i KEYFILE' and import what comes out."
    case .tooMuchWork(let logarithm):
      "its work factor is 2^\(logarithm), and more than 2^\(AgeScrypt.limit) is refused."
    case .wrongPassphrase:
      "this passphrase does not open it. Try again, it counts to the letter."
    case .alteredHeader: "its header was changed. Take another copy."
    case .alteredPart(let number): "its part \(number) was changed, cut or lengthened. Take another copy."
    case .notEnoughMemory(let mebibytes):
      "turning the passphrase into its key takes \(mebibytes) MiB of memory, which the system did not give; end other programs and try again."
    }
  }
}
