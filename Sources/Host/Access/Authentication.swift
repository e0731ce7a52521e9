import Identity
import Synchronization

/// Why a request proved nothing; the message is what the caller reads in its 401.
enum AuthenticationRefusal: Hashable, Sendable {
  /// The host has not made a single key yet.
  case noKeys
  case expired
  case revoked
  case invalid(AccessKeyRefusal)

  var message: String {
    switch self {
    case .noKeys: "No access keys configured. Create one in Osaurus settings."
    case .expired: "Access key has expired"
    case .revoked: "Access key has been revoked"
    case .invalid(let reason): "Invalid access key: \(reason.rawValue)"
    }
  }
}

/// The validator that holds right now. Each request reads it once, so that what is revoked is refused from
/// the next request on; whoever changes keys or agents replaces it whole.
final class CurrentValidator: Sendable {
  private let validator: Mutex<AccessKeyValidator>

  init(_ validator: AccessKeyValidator = .closed) {
    self.validator = Mutex(validator)
  }

  var value: AccessKeyValidator { validator.withLock { $0 } }

  func replace(with new: AccessKeyValidator) {
    validator.withLock { $0 = new }
  }
}

/// Turns an `Authorization` header into what it proves.
struct Authentication: Sendable {
  let validator: CurrentValidator
  /// Unix time in seconds.
  let now: @Sendable () -> Int64
  /// Where it is noted which keys were used.
  var uses = AccessKeyUses()

  /// What a request from `origin` with this `Authorization` header proves. The scheme is `Bearer `, with
  /// that spelling; anything else is no key.
  func principal(origin: Caller.Origin, authorization: String?) -> Caller.Principal {
    if origin.isOwner { return .owner }
    let validator = validator.value
    guard validator.hasKeys else { return .anonymous(.noKeys) }
    let scheme = "Bearer "
    let token = authorization.flatMap { $0.hasPrefix(scheme) ? $0.dropFirst(scheme.count) : nil } ?? ""
    let now = now()
    switch validator.validate(token, now: now) {
    case .valid(let key):
      uses.note(key, at: now)
      return .accessKey(key)
    case .expired: return .anonymous(.expired)
    case .revoked: return .anonymous(.revoked)
    case .invalid(let reason): return .anonymous(.invalid(reason))
    }
  }
}
