import Foundation
import HTTPTypes
import Sandbox
import Synchronization
import Testing

@testable import Host

@Suite("The passes of commands")
struct BridgePassesTests {
  private let agent = UUID()
  private let other = UUID()

  private func opened() -> BridgePasses {
    let passes = BridgePasses()
    passes.open()
    return passes
  }

  @Test("are 256 random bits each, in the letters of base64url, and no two are the same")
  func entropy() throws {
    let passes = opened()
    var seen: Set<String> = []
    var bytes: Set<UInt8> = []
    for _ in 0..<500 {
      let pass = try passes.make(for: agent)
      let text = pass.text
      #expect(text.utf8.count == 43)
      let raw = try #require(
        Data(base64Encoded: text.replacing("-", with: "+").replacing("_", with: "/") + "="))
      #expect(raw.count == 32)
      bytes.formUnion(raw)
      #expect(seen.insert(text).inserted)
    }
    #expect(bytes.count == 256)
  }

  @Test("hold at the socket of their own agent alone, letter by letter")
  func resolve() throws {
    let passes = opened()
    let pass = try passes.make(for: agent, HostCalls(tools: ["look"], plugin: "p"))
    let second = try passes.make(for: agent)
    let text = pass.text
    let found = try #require(passes.execution(showing: text, at: agent))
    #expect(found.agent == agent)
    #expect(found.tools == ["look"])
    #expect(found.plugin == "p")
    #expect(passes.execution(showing: second.text, at: agent)?.id != found.id)
    #expect(passes.execution(showing: text, at: other) == nil)
    for wrong in [
      "", " ", text + "A", String(text.dropLast()), text.uppercased(), text + "\n", "Bearer " + text,
    ] {
      #expect(passes.execution(showing: wrong, at: agent) == nil)
    }
    var letters = Array(text.utf8)
    letters[0] = letters[0] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
    #expect(passes.execution(showing: String(decoding: letters, as: UTF8.self), at: agent) == nil)
  }

  @Test("end with their command, with their agent, and with the service")
  func endings() throws {
    let over = Mutex<[UUID]>([])
    let passes = BridgePasses { execution in over.withLock { $0.append(execution.id) } }
    passes.open()
    let pass = try passes.make(for: agent)
    let execution = try #require(passes.execution(showing: pass.text, at: agent))
    #expect(passes.holds(execution))
    pass.revoke()
    pass.revoke()
    #expect(!passes.holds(execution))
    #expect(passes.execution(showing: pass.text, at: agent) == nil)
    #expect(over.withLock { $0 } == [execution.id])

    do { _ = try passes.make(for: agent) }
    #expect(passes.count(of: agent) == 0)

    let cuts = Mutex(0)
    let one = try passes.make(for: agent) { cuts.withLock { $0 += 1 } }
    let two = try passes.make(for: other) { cuts.withLock { $0 += 1 } }
    passes.revokeAll(of: agent)
    #expect(passes.execution(showing: one.text, at: agent) == nil)
    #expect(passes.execution(showing: two.text, at: other) != nil)
    passes.close()
    #expect(passes.execution(showing: two.text, at: other) == nil)
    #expect(cuts.withLock { $0 } == 2)
    #expect(throws: SandboxError.self) { try passes.make(for: agent) }
  }

  @Test("are bounded, for each agent by itself")
  func bounds() throws {
    let passes = opened()
    let all = try (0..<BridgePasses.most).map { _ in try passes.make(for: agent) }
    #expect(throws: SandboxError.self) { try passes.make(for: agent) }
    _ = try passes.make(for: other)
    all[0].revoke()
    _ = try passes.make(for: agent)
    withExtendedLifetime(all) {}
  }

  @Test("are not given before a service runs")
  func closed() {
    #expect(throws: SandboxError.self) { try BridgePasses().make(for: agent) }
  }
}

@Suite("How often code in sandboxes calls")
struct BridgeRatesTests {
  @Test("is counted by agent and service over a sliding minute, and refused calls are not counted")
  func window() throws {
    let clock = TestClock()
    let rates = BridgeRates { clock.instant }
    let (agent, other) = (UUID(), UUID())
    for _ in 0..<10 { try rates.count(.dispatch, of: agent) }
    for _ in 0..<100 {
      let refusal = #expect(throws: BridgeFailure.self) { try rates.count(.dispatch, of: agent) }
      #expect(refusal?.status == .tooManyRequests)
      #expect(refusal?.retryAfter == 61)
    }
    try rates.count(.dispatch, of: other)
    try rates.count(.inference, of: agent)
    clock.advance(by: 60)
    for _ in 0..<10 { try rates.count(.dispatch, of: agent) }
    #expect(throws: BridgeFailure.self) { try rates.count(.dispatch, of: agent) }
  }

  @Test(
    "is bounded for what costs",
    arguments: [
      ("/inference/chat", 60), ("/agent/dispatch", 10), ("/events/emit", 120), ("/plugin/create", 10),
      ("/agent/memory/store", 120), ("/log", 600), ("/tools/look", 600), ("/secrets/A", 600),
      ("/config/A", 600),
    ])
  func services(path: String, most: Int) { #expect(BridgeService(path: path).perMinute == most) }
}
