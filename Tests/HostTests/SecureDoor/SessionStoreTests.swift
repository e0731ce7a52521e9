import Foundation
import Identity
import SecureChannel
import Testing

@testable import Host

@Suite("The session store")
struct SessionStoreTests {
  private static let now = TestHost.now
  private let agent: SigningKey
  private let hello: ClientHello

  init() throws {
    agent = try MasterKey.generate().signingKey
    hello = ClientHandshake(with: agent.address).hello
  }

  private func session(lifetime: Int64 = 3600, now: Int64 = now) throws -> ServerSession {
    try ServerHandshake.accept(hello, agentKey: agent, now: now, lifetime: lifetime).1
  }

  private func source(_ number: UInt8) -> SourceAddress { SourceAddress(bytes: [192, 0, 2, number])! }

  /// Opens sessions from a source; gives their names, the oldest first.
  private func fill(_ store: SessionStore, _ count: Int, from source: SourceAddress?) throws -> [SessionID] {
    try (0..<count).map { _ in
      let session = try session()
      store.insert(session, from: source, now: Self.now)
      return session.sid
    }
  }

  private func found(_ store: SessionStore, _ ids: [SessionID]) -> [Bool] {
    ids.map { store.find($0, now: Self.now) != nil }
  }

  @Test("a session is found by its name, and nothing else is")
  func finds() throws {
    let store = SessionStore(limit: 4, limitPerSource: 4)
    let session = try session()
    store.insert(session, from: source(1), now: Self.now)
    #expect(store.find(session.sid, now: Self.now) === session)
    #expect(store.find(.random(), now: Self.now) == nil)
    #expect(store.find(nil, now: Self.now) == nil)
  }

  @Test("a session ends with its second, and is forgotten then")
  func ends() throws {
    let store = SessionStore(limit: 4, limitPerSource: 4)
    let session = try session(lifetime: 10)
    store.insert(session, from: source(1), now: Self.now)
    #expect(store.find(session.sid, now: Self.now + 9) != nil)
    #expect(store.count == 1)
    #expect(store.find(session.sid, now: Self.now + 10) == nil)
    #expect(store.count == 0)
  }

  @Test("sessions that have ended make room before anybody loses one")
  func endedFirst() throws {
    let store = SessionStore(limit: 3, limitPerSource: 3)
    let kept = try session(lifetime: 100)
    store.insert(kept, from: source(1), now: Self.now)
    for _ in 0..<2 { store.insert(try session(lifetime: 10), from: source(1), now: Self.now) }
    store.insert(try session(), from: source(1), now: Self.now + 50)
    #expect(store.count == 2)
    #expect(store.find(kept.sid, now: Self.now + 50) != nil)
  }

  @Test("a source with too many loses its own oldest, and nobody else does")
  func perSource() throws {
    let store = SessionStore(limit: 100, limitPerSource: 3)
    let others = try fill(store, 1, from: source(2))
    let own = try fill(store, 50, from: source(1))
    #expect(found(store, others) == [true])
    #expect(found(store, own).suffix(4) == [false, true, true, true])
    #expect(store.count == 4)
  }

  @Test("in a full house the one with the most makes room, whoever comes")
  func fullHouse() throws {
    let store = SessionStore(limit: 6, limitPerSource: 4)
    let quiet = try fill(store, 1, from: source(2))
    let loud = try fill(store, 4, from: source(1))
    let third = try fill(store, 2, from: source(3))
    #expect(found(store, quiet) == [true])
    #expect(found(store, loud) == [false, true, true, true])
    #expect(found(store, third) == [true, true])
    #expect(store.count == 6)
  }

  @Test("who would have as many as any other makes room with a session of its own")
  func equals() throws {
    let store = SessionStore(limit: 4, limitPerSource: 4)
    let others = try fill(store, 2, from: source(2))
    let own = try fill(store, 20, from: source(1))
    #expect(found(store, others) == [true, true])
    #expect(found(store, own).suffix(3) == [false, true, true])
    #expect(store.count == 4)
  }

  @Test(
    "a crowd of sources with one session each pushes out the last of its own, and nobody who was here before")
  func crowd() throws {
    let store = SessionStore(limit: 8, limitPerSource: 4)
    let early = try (1...4).map { try fill(store, 1, from: source($0))[0] }
    let crowd = try (10...200).map { try fill(store, 1, from: source($0))[0] }
    #expect(found(store, early) == [true, true, true, true])
    #expect(found(store, crowd).suffix(2) == [false, true])
    #expect(store.count == 8)
  }

  @Test("the house is never fuller than it may be, also when the owner has the most")
  func ownersCountToo() throws {
    let store = SessionStore(limit: 4, limitPerSource: 4)
    let owners = try fill(store, 4, from: nil)
    let others = try fill(store, 1, from: source(1))
    #expect(store.count == 4)
    #expect(found(store, owners) == [false, true, true, true])
    #expect(found(store, others) == [true])
  }

  @Test("the addresses of one IPv6 network are one source")
  func networks() throws {
    let store = SessionStore(limit: 100, limitPerSource: 2)
    for number in 0..<20 {
      let address = try #require(SourceAddress(literal: "2001:db8::\(number)"))
      store.insert(try session(), from: address, now: Self.now)
    }
    #expect(store.count == 2)
  }

  @Test("the loopback addresses of this machine are one source")
  func loopback() throws {
    let store = SessionStore(limit: 100, limitPerSource: 2)
    for number in 1...20 {
      store.insert(
        try session(), from: SourceAddress(bytes: [127, 0, UInt8(number), 1]), now: Self.now)
    }
    store.insert(try session(), from: SourceAddress(literal: "::1"), now: Self.now)
    #expect(store.count == 2)
  }
}
