import HTTPTypes
import Inference
import Stores
import Testing

@testable import Host

@Suite("What a caller is told of a failure")
struct RequestFailureTests {
  @Test(
    "each kind of failure has its status and type",
    arguments: [
      (InferenceError.noModel, 503, "insufficient_resources"),
      (.runtimeNotInstalled, 503, "insufficient_resources"),
      (.shuttingDown, 503, "insufficient_resources"),
      (.unknownModel("m"), 404, "model_not_found"),
      (.invalidRequest("r"), 400, "invalid_request_error"),
      (.refused(provider: "p", status: 400, message: "m"), 400, "invalid_request_error"),
      (.refused(provider: "p", status: 401, message: "m"), 500, "internal_error"),
      (.modelDied(provider: "p"), 500, "internal_error"),
      (.unreachable(provider: "p"), 500, "internal_error"),
    ])
  func statuses(error: InferenceError, status: Int, type: String) {
    let failure = RequestFailure(error)
    #expect(failure.status.code == status)
    #expect(failure.type == type)
    #expect(failure.message == error.description)
  }

  @Test("somebody else's conversation is one that is not there")
  func conversations() {
    let failure = RequestFailure(StoresError.noSuchSession)
    #expect(failure.status.code == 404)
    #expect(failure.type == "session_not_found")
  }

  @Test("a request that nobody waits for is cancelled, not failed")
  func cancelled() { #expect(RequestFailure(CancellationError()).status.code == 499) }

  @Test("what nobody thought of says nothing of its inside")
  func unknown() {
    struct Secret: Error { let text = "secret" }
    #expect(RequestFailure(Secret()).message == "The answer failed.")
  }
}
