import HTTPTypes
import Hummingbird
import Testing

@testable import Host

@Suite("How many answers are made at once")
struct AdmissionTests {
  @Test("there are as many places as the limit says, and a place that is left is free again")
  func places() {
    let admission = Admission(limit: 2)
    var first = admission.enter(for: .owner)
    let second = admission.enter(for: .owner)
    #expect(first != nil && second != nil)
    #expect(admission.enter(for: .owner) == nil)
    #expect(admission.count == 2)
    first = nil
    #expect(admission.enter(for: .owner) != nil)
    withExtendedLifetime(second) {}
  }

  @Test("one key has three quarters of the places, another one what is left, and the owner always finds one")
  func shares() throws {
    let host = try TestHost()
    func principal(_ key: String) -> Caller.Principal {
      host.door.authentication.principal(origin: .network(TestHost.elsewhere), authorization: "Bearer \(key)")
    }
    let (greedy, other) = (principal(host.agentKey), principal(host.agentKey))
    let admission = Admission()
    var places = (0..<20).compactMap { _ in admission.enter(for: greedy) }
    #expect(places.count == 9)
    places += (0..<20).compactMap { _ in admission.enter(for: other) }
    #expect(places.count == 12)
    let owners = (0..<20).compactMap { _ in admission.enter(for: .owner) }
    #expect(owners.count == 12)
    #expect(admission.count == 24)
    places.removeAll()
    #expect(admission.enter(for: greedy) == nil)
    withExtendedLifetime(owners) {}
  }

  @Test(
    "however few places there are, a key has one of them",
    arguments: [(1, 1), (2, 1), (3, 2), (4, 3), (100, 75)])
  func fewPlaces(limit: Int, own: Int) {
    #expect(Admission(limit: limit).limitPerKey == own)
  }

  @Test("who finds no place is told when to come back")
  func refusal() {
    #expect(Admission().refusal.status == .serviceUnavailable)
    #expect(Admission().refusal.headers[.retryAfter] == "1")
  }
}
