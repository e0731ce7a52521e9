import Crypto
import Identity
import Synchronization

/// The access keys that were found good by their signatures, so that whoever asks again is not looked at as closely:
/// recovering a signature costs more than the rest of a small request.
///
/// They are named by digests of what was presented; none is kept. Whatever may change about a key, its revocation, its
/// end, its issuer and what it opens, is looked at every time.
final class KnownAccessKeys: Sendable {
  static let capacity = 1024

  private let keys = Mutex<[SHA256Digest: VerifiedAccessKey]>([:])

  /// What `validator` says of a presented text.
  /// - Parameter now: the time, in Unix seconds.
  func verdict(of text: some StringProtocol, by validator: AccessKeyValidator, now: Int64) -> AccessKeyVerdict
  {
    var text = String(text)
    let name = text.withUTF8 { SHA256.hash(data: UnsafeRawBufferPointer($0)) }
    if let key = keys.withLock({ $0[name] }), validator.stillAccepts(key),
      key.expiresAt.map({ now < $0 }) ?? true
    {
      return .valid(key)
    }
    let verdict = validator.validate(text, now: now)
    if case .valid(let key) = verdict {
      keys.withLock { keys in
        if keys.count >= Self.capacity { keys.removeAll(keepingCapacity: true) }
        keys[name] = key
      }
    }
    return verdict
  }

  /// How many are remembered.
  var count: Int { keys.withLock { $0.count } }
}
