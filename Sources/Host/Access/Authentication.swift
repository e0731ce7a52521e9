import Identity
import Synchronization

/// Why a request proved nothing; the message is what the caller reads in its 401.
enum AuthenticationRefusal: Hashable, Sendable {
  /// The host has not made a single key yet.
  case noKeys
  case expired
  case revoked
  case invalid(AccessKeyRefusal)
  /// A command in a sandbox showed no pass, or none that holds there.
  case unknownPass

  var message: String {
    switch self {
    case .noKeys: "No access keys configured. Create one in Osaurus settings."
    case .expired: "Access key has expired"
    case .revoked: "Access key has been revoked"
    case .invalid(let reason): "Invalid access key: \(reason.rawValue)"
    case .unknownPass: "Bridge token missing or unrecognised"
    }
  }
}

/// The validator that holds right now. Each request reads it once, so that what is revoked is refused from
/// the next request on; whoever changes keys or agents replaces it whole. Answers that are under way by then, and whose
/// key is good no more, are cut.
final class CurrentValidator: Sendable {
  private struct State {
    var validator: AccessKeyValidator
    var holders: [UInt64: (key: VerifiedAccessKey, cut: @Sendable () -> Void)] = [:]
    var next: UInt64 = 0
  }

  private let state: Mutex<State>

  init(_ validator: AccessKeyValidator = .closed) { state = Mutex(State(validator: validator)) }

  var value: AccessKeyValidator { state.withLock { $0.validator } }

  /// - Returns: what cuts the answers that must not go on. It is to be called without a lock.
  func replace(with new: AccessKeyValidator) -> [@Sendable () -> Void] {
    state.withLock { state in
      state.validator = new
      let gone = state.holders.filter { !new.stillAccepts($0.value.key) }
      for id in gone.keys { state.holders[id] = nil }
      return gone.values.map(\.cut)
    }
  }

  /// Has `cut` called once when the key is good no more, at once where that is so already, for as long as what is
  /// returned is kept.
  func hold(_ key: VerifiedAccessKey, cut: @escaping @Sendable () -> Void) -> HeldKey {
    let id = state.withLock { state -> UInt64? in
      guard state.validator.stillAccepts(key) else { return nil }
      state.next += 1
      state.holders[state.next] = (key, cut)
      return state.next
    }
    if id == nil { cut() }
    return HeldKey { [self] in
      if let id { state.withLock { $0.holders[id] = nil } }
    }
  }

  /// How many answers are under way.
  var holderCount: Int { state.withLock { $0.holders.count } }
}

/// Stands for an answer under way, to the holder of a key.
final class HeldKey: Sendable {
  private let release: @Sendable () -> Void

  fileprivate init(release: @escaping @Sendable () -> Void) { self.release = release }

  deinit { release() }
}

/// Turns an `Authorization` header into what it proves.
struct Authentication: Sendable {
  let validator: CurrentValidator
  /// Unix time in seconds.
  let now: @Sendable () -> Int64
  /// Where it is noted which keys were used.
  var uses = AccessKeyUses()
  private let known = KnownAccessKeys()

  /// What a request from `origin` with this `Authorization` header proves. The scheme is `Bearer `, with
  /// that spelling; anything else is no key.
  func principal(origin: Caller.Origin, authorization: String?) -> Caller.Principal {
    if origin.isOwner { return .owner }
    let validator = validator.value
    guard validator.hasKeys else { return .anonymous(.noKeys) }
    let scheme = "Bearer "
    let token = authorization.flatMap { $0.hasPrefix(scheme) ? $0.dropFirst(scheme.count) : nil } ?? ""
    let now = now()
    switch known.verdict(of: token, by: validator, now: now) {
    case .valid(let key):
      uses.note(key, at: now)
      return .accessKey(key)
    case .expired: return .anonymous(.expired)
    case .revoked: return .anonymous(.revoked)
    case .invalid(let reason): return .anonymous(.invalid(reason))
    }
  }
}
