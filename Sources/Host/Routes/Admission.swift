import HTTPTypes
import Hummingbird
import Synchronization

/// How many answers may be made at once. (spec/02, C15)
final class Admission: Sendable {
  /// The limit of the original with its default batch size.
  static let defaultLimit = 12

  let limit: Int
  private let running = Mutex(0)

  init(limit: Int = Admission.defaultLimit) { self.limit = limit }

  /// How many are being made right now.
  var count: Int { running.withLock { $0 } }

  /// A place among them, or nil when all are taken.
  func enter() -> Place? {
    let isAdmitted = running.withLock { running in
      guard running < limit else { return false }
      running += 1
      return true
    }
    return isAdmitted ? Place(self) : nil
  }

  /// One answer's place, given back when the last reference to it goes.
  final class Place: Sendable {
    private let admission: Admission

    fileprivate init(_ admission: Admission) { self.admission = admission }

    deinit { admission.running.withLock { $0 -= 1 } }
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
