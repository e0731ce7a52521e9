/// What can go wrong in `Identity`, each with what a person can do about it.
public enum IdentityError: Error, Hashable, CustomStringConvertible {
  /// The text is not an address.
  case malformedAddress

  public var description: String {
    switch self {
    case .malformedAddress: "An address is 0x followed by 40 hexadecimal digits."
    }
  }
}
