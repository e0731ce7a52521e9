public import Keyring

/// Why a sealed file was refused.
public enum SealedFileFault: Error, Hashable, Sendable {
  /// There is no such file.
  case missing
  /// The file system refused.
  case unreadable(reason: String)
  /// The disk takes nothing more.
  case disk(DiskRefusal)
  /// It does not begin as a sealed file does.
  case notSealed
  /// A newer version of osaurus-host wrote it.
  case newerVersion(UInt8)
  /// It was sealed under another data key.
  case otherGeneration(KeyGeneration)
  /// It is longer or shorter than what was written.
  case wrongLength
  /// It was written under another name, or its beginning was changed.
  case alteredHeader
  /// A part of it was changed, moved, or put in from elsewhere.
  case alteredChunk(UInt32)
  /// What is in it is not what its name says.
  case otherContent
  /// It holds more than was asked for.
  case tooLarge(limit: Int)
}

extension SealedFileFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing: "the file is missing. Restore it from a backup."
    case .unreadable(let reason): "\(reason)."
    case .disk(let refusal): refusal.description
    case .notSealed: "this is no sealed file. Restore it from a backup."
    case .newerVersion(let version):
      "it was written by a newer version of osaurus-host (format \(version)). Update this one."
    case .otherGeneration(let generation):
      "it was sealed under another data key (\(generation)). Restore it from a backup that goes with this key."
    case .wrongLength: "it was cut or lengthened. Restore it from a backup."
    case .alteredHeader: "it was changed, or belongs elsewhere. Restore it from a backup."
    case .alteredChunk(let number): "its part \(number) was changed. Restore it from a backup."
    case .otherContent: "its content is not what its name says. Restore it from a backup."
    case .tooLarge(let limit): "it holds more than \(limit) bytes."
    }
  }
}
