import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What a connection brings requests to: it decides on each by its head, before a body is taken, and answers those that it let in.
protocol Door: Sendable {
  /// A request that may be answered.
  associatedtype Ticket: DoorTicket

  var limits: HostLimits { get }
  var logger: Logger { get }

  /// The most bytes that the body of a request to this target may have.
  func bodyLimit(for target: String) -> Int

  /// Decides on a request by its head alone.
  func admit(_ head: HTTPRequest, from arrival: Arrival) async throws -> DoorAdmission<Ticket>

  /// Answers an admitted request. Throws only `CancellationError`, when nobody waits for the answer any more.
  func answer(_ ticket: Ticket, body: ByteBuffer) async throws -> Response

  /// The headers that an answer leaves with.
  func headers(of response: Response, to request: HTTPRequest?) -> HTTPFields

  /// What is answered to what is no request, or more than this door takes.
  func refusal(of fault: ConnectionFault) -> Response
}

/// A request that a door let in.
protocol DoorTicket: Sendable {
  /// Whether the request proved who asks.
  var isProven: Bool { get }
}

/// What a door says to a request's head.
enum DoorAdmission<Ticket: Sendable>: Sendable {
  case admitted(Ticket)
  case answered(Response)
}

/// Why a request got no further than its connection.
enum ConnectionFault: Hashable, Sendable {
  /// It is no request of HTTP that makes sense here.
  case malformed
  /// It did not come in time.
  case timedOut
  case headersTooLarge
  /// Its body has this many bytes, or more.
  case tooLarge(UInt64, limit: Int)
  /// There is no room for more bodies now.
  case overloaded
}

extension FrontDoor: Door {
  func refusal(of fault: ConnectionFault) -> Response {
    switch fault {
    case .malformed: return .text("Bad Request", status: .badRequest)
    case .timedOut: return .text("Request Timeout", status: .requestTimeout)
    case .headersTooLarge: return .headersTooLarge
    case .tooLarge(let count, let limit): return .tooLarge(count, limit: limit)
    case .overloaded:
      var response = Response.failure(
        .serviceUnavailable, type: "server_overloaded",
        message: "Server is holding too many requests. Retry shortly.")
      response.headers[.retryAfter] = "1"
      return response
    }
  }
}
