import AsyncHTTPClient
import Connector
import Foundation
import Identity
import SecretMemory
import Synchronization
import TestSupport
import Testing

@testable import Host

/// A relay that is killed again and again while it is used.
@Suite("A relay that is killed", .serialized, .timeLimit(.minutes(20)))
struct KilledRelayTests {
  /// What came of all calls, by their marks.
  private struct Calls: Sendable {
    var answered: Set<String> = []
    /// Calls of which it was said that they may have run.
    var unclear: Set<String> = []
    /// Calls of which it was said that they have not.
    var notRun: Set<String> = []
    /// Calls whose answer was another than theirs, and failures that say nothing.
    var wrong: [String] = []
  }

  private final class Tally: Sendable {
    private let calls = Mutex(Calls())

    var now: Calls { calls.withLock { $0 } }
    func note(_ change: (inout Calls) -> Void) { calls.withLock { change(&$0) } }
  }

  private static let connectors = 8

  @Test(
    "whoever calls meanwhile gets the answer or is told whether the call may have run, none runs twice, and the tunnel comes back"
  )
  func killed() async throws {
    try await WholeHost.serve { host, doors in
      let relay = try RelayProcess()
      let address = try #require(try await host.agent("Ada").address)
      let key = try await host.key(for: "Ada").text
      let lab = RelayLab(host: host, doors: doors, relay: nil, relayURL: relay.url)
      let url = try #require(try await lab.up()["Ada"])
      let calls = Tally()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for connector in 0..<Self.connectors {
          group.addTask {
            try await lab.withPeer(address, key: key, url: url) { client in
              try await Self.call(client, address, connector, calls)
            }
          }
        }
        for _ in 0..<(Rounds.isLong ? 6 : 3) {
          try await Self.more(calls)
          relay.kill()
          try await Self.failures(calls)
          try relay.restart()
        }
        try await Self.more(calls)
        group.cancelAll()
        while let result = await group.nextResult() { _ = result }
      }
      try await lab.settled { $0.agents.first?.state == "up" && $0.connection == "open" }

      let (told, asked) = (calls.now, host.model.requests)
      #expect(told.wrong.isEmpty, "\(told.wrong.prefix(5))")
      #expect(!told.unclear.isEmpty || !told.notRun.isEmpty)
      var runs: [String: Int] = [:]
      for request in asked { for mark in Self.marks(in: request) { runs[mark, default: 0] += 1 } }
      #expect(runs.allSatisfy { $0.value == 1 })
      #expect(told.answered.allSatisfy { runs[$0] == 1 })
      #expect(told.notRun.allSatisfy { runs[$0] == nil })
      withExtendedLifetime(relay) {}
    }
  }

  private static func mark(_ connector: Int, _ number: Int) -> String { "mark\(connector)n\(number)." }

  private static func marks(in request: String) -> [String] {
    request.matches(of: /mark[0-9]+n[0-9]+\./).map { String($0.output) }
  }

  /// Asks one thing after another until the task is cancelled.
  private static func call(
    _ client: PeerClient, _ agent: Address, _ connector: Int, _ calls: Tally
  ) async throws {
    var number = 0
    while !Task.isCancelled {
      number += 1
      let mark = mark(connector, number)
      do {
        var text = ""
        let body = RelayLab.chat("say \(mark) and more")
        for try await piece in try await client.stream(
          "POST", "/agents/\(agent.checksummed)/run", body: body)
        {
          text += String(decoding: piece, as: UTF8.self)
        }
        let said = StreamedAnswer(text).text
        calls.note { calls in
          if said == "\(mark) and more " {
            calls.answered.insert(mark)
          } else {
            calls.wrong.append("\(mark): \(text)")
          }
        }
      } catch let error as ConnectorError {
        calls.note { calls in
          if error.mayHaveRun { calls.unclear.insert(mark) } else { calls.notRun.insert(mark) }
          if case .refused = error { calls.wrong.append("\(mark): \(error)") }
        }
        // Nobody asks a relay that is gone a thousand times a second.
        try await Task.sleep(for: .milliseconds(20))
      } catch {
        if !Task.isCancelled { calls.note { $0.wrong.append("\(mark): \(error)") } }
      }
    }
  }

  /// Waits until everybody has had a few more answers.
  private static func more(_ calls: Tally) async throws {
    let before = calls.now.answered.count
    try await until { calls.now.answered.count >= before + 5 * connectors }
  }

  /// Waits until it is felt that the relay is gone.
  private static func failures(_ calls: Tally) async throws {
    func count(_ calls: Calls) -> Int { calls.unclear.count + calls.notRun.count }
    let before = count(calls.now)
    try await until { count(calls.now) >= before + connectors }
  }

  private static func until(_ condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(180)
    while !condition() {
      try #require(ContinuousClock.now < deadline)
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
