import HTTPTypes
import Hummingbird
import Testing

@testable import Host

@Suite("How many answers are made at once")
struct AdmissionTests {
  @Test("there are as many places as the limit says, and a place that is left is free again")
  func places() {
    let admission = Admission(limit: 2)
    var first = admission.enter()
    let second = admission.enter()
    #expect(first != nil && second != nil)
    #expect(admission.enter() == nil)
    #expect(admission.count == 2)
    first = nil
    #expect(admission.enter() != nil)
    withExtendedLifetime(second) {}
  }

  @Test("who finds no place is told when to come back")
  func refusal() {
    #expect(Admission().refusal.status == .serviceUnavailable)
    #expect(Admission().refusal.headers[.retryAfter] == "1")
  }
}
