/// Why a message is no frame. Whoever sent it loses that connection, and nothing else.
public enum FrameRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  /// It is not one object of JSON, in UTF-8, of at most 256 levels.
  case notAnObject
  /// It does not say what kind of frame it is.
  case noType
  /// A member that this kind of frame has to have is missing.
  case missing(String)
  /// A member is of another type than it should be, or says what cannot be.
  case malformed(String)
  /// A member is there twice.
  case duplicate(String)
  /// There are more of something than a frame may hold.
  case tooMany(String)
  /// A member is longer than it may be.
  case tooLong(String)

  public var description: String {
    switch self {
    case .notAnObject: "The message is not an object of JSON."
    case .noType: "The frame does not say of what type it is."
    case .missing(let member): "The frame has no \(member)."
    case .malformed(let member): "The frame's \(member) is not what it should be."
    case .duplicate(let member): "The frame has \(member) twice."
    case .tooMany(let member): "The frame has too many \(member)."
    case .tooLong(let member): "The frame's \(member) is too long."
    }
  }
}
