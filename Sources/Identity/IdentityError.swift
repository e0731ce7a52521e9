/// What can go wrong with an identity, each as a sentence for a person.
public enum IdentityError: Error, Hashable {
  /// The text is not `0x` and 40 hexadecimal digits.
  case malformedAddress
  /// The digits are right in number, but their case contradicts the checksum of EIP-55.
  case addressChecksum
  /// The bytes are zero, or not below the order of the curve.
  case invalidScalar
  /// The phrase has another number of words than 24.
  case wordCount(Int)
  /// The word, as it was written, is not on the English list of BIP39.
  case unknownWord(String)
  /// Every word is on the list, but they do not belong together.
  case phraseChecksum
  /// A label of an access key is empty.
  case emptyLabel
  /// A label of an access key has more than 80 characters.
  case longLabel
  /// The bytes are not a device's name and a private key of P-256.
  case malformedDeviceKey
  /// The audience of a request token is no host.
  case badAudience
  /// The action of a request token is not a method and a path.
  case badAction
}

extension IdentityError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .malformedAddress: "An address is 0x followed by 40 hexadecimal digits."
    case .addressChecksum: "The address has a typing error: the case of its letters does not add up."
    case .invalidScalar: "These bytes are not a secp256k1 private key."
    case .wordCount: "Recovery phrase must be exactly 24 words."
    case .unknownWord(let word):
      "Recovery phrase contains a word that isn't in the BIP39 English wordlist: \(word)"
    case .phraseChecksum: "Recovery phrase checksum is invalid. Double-check each word."
    case .emptyLabel: "Access key labels cannot be empty."
    case .longLabel: "Access key labels must be 80 characters or fewer."
    case .malformedDeviceKey: "These bytes are not a device's key."
    case .badAudience: "An audience is a host, with its port if it has one: host.example:1337"
    case .badAction: "An action is a method and a path: GET /models"
    }
  }
}
