/// What can go wrong with a relay, each with what its operator can do about it.
public enum RelayError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No limit has this name.
  case unknownLimit(String)
  /// A setting has a value that makes no sense.
  case invalidSetting(name: String, reason: String)
  /// Another process listens there.
  case addressInUse(String)
  /// The address cannot be listened on.
  case addressUnusable(String, reason: String)
  /// The certificate or its key cannot be used.
  case certificateUnusable(path: String, reason: String)

  /// A short name for scripts.
  public var code: String {
    switch self {
    case .unknownLimit: "unknown_limit"
    case .invalidSetting: "invalid_setting"
    case .addressInUse: "address_in_use"
    case .addressUnusable: "address_unusable"
    case .certificateUnusable: "certificate_unusable"
    }
  }

  /// One sentence.
  public var sentence: String {
    switch self {
    case .unknownLimit(let name): "There is no limit called '\(name)'."
    case .invalidSetting(let name, let reason): "\(name) has no value that makes sense. \(reason)"
    case .addressInUse(let address): "Another program listens on \(address)."
    case .addressUnusable(let address, let reason): "\(address) cannot be listened on: \(reason)"
    case .certificateUnusable(let path, let reason): "The certificate in \(path) cannot be used: \(reason)"
    }
  }

  /// What mends it.
  public var nextStep: String {
    switch self {
    case .unknownLimit: "See all of them with: osaurus-relay limits"
    case .invalidSetting: "See what it takes with: osaurus-relay serve --help"
    case .addressInUse: "Stop it, or take another port with --port."
    case .addressUnusable:
      "Take an address of this machine with --bind. Ports below 1024 need root or CAP_NET_BIND_SERVICE."
    case .certificateUnusable:
      "Pass the whole chain with --certificate and its unencrypted key with --key, both in PEM and readable."
    }
  }

  public var description: String { "\(sentence)\n  \(nextStep)" }
}
