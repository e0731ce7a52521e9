import Foundation
import Identity
import Logging
import Stores
import Synchronization

/// When access keys were last used. A request only notes it in memory; what was noted is written down together, now and
/// then and at the end. If that fails, or the process dies before it, times are lost and nothing else.
final class AccessKeyUses: Sendable {
  /// How many keys are kept in mind at a time. While there are as many, others are not noted.
  static let limit = 4096
  /// How long a use may be known in memory alone.
  static let interval = Duration.seconds(30)

  private struct Key: Hashable {
    let issuer: Address
    let nonce: String
  }

  private let noted = Mutex<[Key: Int64]>([:])

  /// How many keys have a use that is not written down yet.
  var count: Int { noted.withLock { $0.count } }

  /// Notes that a key was accepted. Keys of trusted issuers have no record here, and are passed over.
  ///
  /// - Parameter now: the time, in Unix seconds.
  func note(_ key: VerifiedAccessKey, at now: Int64) {
    guard key.issuer == key.audience else { return }
    note(Key(issuer: key.issuer, nonce: key.nonce), at: now)
  }

  private func note(_ key: Key, at time: Int64) {
    noted.withLock { noted in
      if let known = noted[key] {
        if time > known { noted[key] = time }
      } else if noted.count < Self.limit {
        noted[key] = time
      }
    }
  }

  /// Writes down what was noted. What cannot be written is kept for the next time.
  func flush(to keys: AccessKeyStore, logger: Logger) async {
    let taken = noted.withLock { noted in
      defer { noted = [:] }
      return noted
    }
    do {
      try await keys.record(
        taken.map { key, time in
          AccessKeyUse(
            issuer: key.issuer, nonce: key.nonce, time: Date(timeIntervalSince1970: TimeInterval(time)))
        })
    } catch {
      for (key, time) in taken { note(key, at: time) }
      logger.warning("when keys were used could not be written down", metadata: ["error": "\(error)"])
    }
  }

  /// Writes it down at intervals, until the task is cancelled.
  func keepWriting(to keys: AccessKeyStore, logger: Logger) async {
    while (try? await Task.sleep(for: Self.interval)) != nil { await flush(to: keys, logger: logger) }
  }
}
