import Foundation
import Identity
import Testing

@testable import Pairing

@Suite("Challenges")
struct ChallengeStoreTests {
  private let start = ContinuousClock.now

  @Test("a nonce is 64 lowercase digits, and no two are the same")
  func form() throws {
    let store = ChallengeStore()
    let nonces = (0..<100).map { _ in store.issue(now: start) }
    #expect(Set(nonces).count == 100)
    for nonce in nonces {
      #expect(nonce.text.wholeMatch(of: /[0-9a-f]{64}/) != nil)
      #expect(nonce.promisesBoundAnswer)
      #expect(String(decoding: nonce.challenge, as: UTF8.self) == #"{"nonce":"\#(nonce.text)"}"#)
      #expect(try PairingNonce(parsingChallenge: nonce.challenge) == nonce)
    }
  }

  @Test("it is used once")
  func once() {
    let store = ChallengeStore()
    let nonce = store.issue(now: start)
    #expect(store.holds(nonce, now: start))
    #expect(store.consume(nonce, now: start))
    #expect(!store.consume(nonce, now: start) && !store.holds(nonce, now: start))
  }

  @Test("of many who use it at once, one does")
  func race() async {
    let store = ChallengeStore()
    for _ in 0..<50 {
      let nonce = store.issue(now: start)
      let good = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 { group.addTask { [start] in store.consume(nonce, now: start) } }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(good == 1)
    }
  }

  @Test("it is good for two minutes, and one that was never given out is not")
  func lifetime() throws {
    let store = ChallengeStore()
    let (early, late) = (store.issue(now: start), store.issue(now: start))
    #expect(store.consume(early, now: start + .seconds(119)))
    #expect(!store.holds(late, now: start + .seconds(120)))
    #expect(!store.consume(late, now: start + .seconds(120)))
    #expect(!store.consume(.make(), now: start))
  }

  @Test("there are never more than fit; the one that ends first goes, and those that ended go before")
  func capacity() {
    let (store, capacity) = (ChallengeStore(), ChallengeStore.capacity)
    let first = store.issue(now: start)
    let rest = (1..<capacity).map { store.issue(now: start + .milliseconds($0)) }
    let now = start + .milliseconds(capacity)
    #expect(store.count == capacity && store.holds(first, now: now))
    _ = store.issue(now: now)
    #expect(store.count == capacity && !store.holds(first, now: now))
    #expect(rest.allSatisfy { store.holds($0, now: now) })
    for _ in 0..<2 * capacity + 1000 { _ = store.issue(now: now) }
    #expect(store.count == capacity)
    _ = store.issue(now: now + .seconds(200))
    #expect(store.count == 1)
  }

  @Test("those that were used count until they would have ended, and are not remembered")
  func used() {
    let (store, capacity) = (ChallengeStore(), ChallengeStore.capacity)
    for _ in 0..<3 * capacity { #expect(store.consume(store.issue(now: start), now: start)) }
    #expect(store.count == 0)
    let kept = store.issue(now: start + .seconds(1))
    for _ in 1..<capacity { _ = store.consume(store.issue(now: start + .seconds(1)), now: start) }
    #expect(store.holds(kept, now: start + .seconds(2)) && store.count == 1)
    _ = store.issue(now: start + .seconds(2))
    #expect(!store.holds(kept, now: start + .seconds(2)))
  }

  @Test(
    "what is no nonce is none",
    arguments: [
      "", "aa", String(repeating: "A", count: 64), String(repeating: "g", count: 64),
      String(repeating: "a", count: 66), "0x" + String(repeating: "a", count: 62),
    ])
  func malformed(text: String) {
    #expect(PairingNonce(text) == nil)
    #expect(throws: PairingError.malformedAnswer) {
      try PairingNonce(parsingChallenge: Array(#"{"nonce":"\#(text)"}"#.utf8))
    }
  }
}
