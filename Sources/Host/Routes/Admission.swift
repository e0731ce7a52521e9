import HTTPTypes
import Hummingbird
import Synchronization

/// How many answers may be made at once. (spec/02, C15)
///
/// No access key has more than three quarters of the places, so that one does not shut out the others. The
/// owner is counted with everybody, and refused only for answers of the owner's own.
final class Admission: Sendable {
  /// The limit of the original with its default batch size.
  static let defaultLimit = 12

  let limit: Int
  private let running = Mutex(Running())

  private struct Running {
    var all = 0
    var own: [Caller.Principal: Int] = [:]
  }

  init(limit: Int = Admission.defaultLimit) { self.limit = limit }

  /// How many are being made right now.
  var count: Int { running.withLock { $0.all } }

  /// The places that one access key may take.
  var limitPerKey: Int { max(1, limit * 3 / 4) }

  /// A place among them, or nil when there is none for this caller.
  func enter(for principal: Caller.Principal) -> Place? {
    let isAdmitted = running.withLock { running in
      let own = running.own[principal, default: 0]
      switch principal {
      case .owner: guard own < limit else { return false }
      case .accessKey, .execution, .anonymous:
        guard running.all < limit, own < limitPerKey else { return false }
      }
      running.all += 1
      running.own[principal] = own + 1
      return true
    }
    return isAdmitted ? Place(self, of: principal) : nil
  }

  private func leave(_ principal: Caller.Principal) {
    running.withLock { running in
      running.all -= 1
      let left = running.own[principal, default: 0] - 1
      running.own[principal] = left > 0 ? left : nil
    }
  }

  /// One answer's place, given back when the last reference to it goes.
  final class Place: Sendable {
    private let admission: Admission
    private let principal: Caller.Principal

    fileprivate init(_ admission: Admission, of principal: Caller.Principal) {
      self.admission = admission
      self.principal = principal
    }

    deinit { admission.leave(principal) }
  }

  /// What a caller is told that finds no place.
  var message: String {
    "Server is at inference capacity (\(limit) concurrent requests). Retry shortly."
  }

  /// The refusal in the flavour of OpenAI.
  var refusal: Response {
    var response = Response.failure(.serviceUnavailable, type: "server_overloaded", message: message)
    response.headers[.retryAfter] = "1"
    return response
  }

  /// The refusal in the flavour of the agent routes.
  var agentRefusal: Response {
    var response = Response.failure(.serviceUnavailable, code: "server_overloaded", message: message)
    response.headers[.retryAfter] = "1"
    return response
  }
}
