import Foundation
import Host
import Sandbox
import Stores
import Synchronization

/// The audit of what the owner runs at a terminal: every execution and every refusal is written down by the host, whether
/// its service runs or not. Where there is no host yet, there is no audit.
struct ExecutionAudit {
  /// The way to the host; nil where there is none.
  let owner: Owner?

  /// Runs `body` with the host's audit.
  /// - Parameter required: whether there has to be a host.
  /// - Throws: also what keeps the host from being opened: nothing runs unrecorded.
  static func keeping<R: Sendable>(
    required: Bool, _ body: (ExecutionAudit) async throws -> R
  ) async throws -> R {
    do {
      _ = try HostSettings.load(
        folders: try OpenHost.folders(), environment: ProcessInfo.processInfo.environment)
    } catch let error as HostError where error == .notInitialised && !required {
      return try await body(ExecutionAudit(owner: nil))
    }
    return try await Owner.withConnection { try await body(ExecutionAudit(owner: $0)) }
  }

  /// - Parameter tools: those that it may call.
  func execution(of command: [String], agent: UUID?, tools: [String] = []) -> Execution {
    Execution(
      owner: owner, agent: agent?.uuidString, code: CodeDigest(arguments: command).hex, tools: tools)
  }

  /// Something that is to be run.
  struct Execution {
    fileprivate let owner: Owner?
    fileprivate let agent: String?
    fileprivate let code: String
    fileprivate let tools: [String]

    /// Writes down that it was not run.
    func refused(_ reason: String) async throws {
      _ = try await owner?.send(
        "POST", "/control/audit/refused", ExecutionOrder(agent: agent, code: code, reason: reason))
    }

    /// Writes down that it is about to run.
    /// - Returns: nil where there is no audit.
    func begun() async throws -> Begun? {
      guard let owner else { return nil }
      let answer = try await owner.send(
        "POST", "/control/audit/begun",
        ExecutionOrder(agent: agent, code: code, reason: nil, tools: tools.isEmpty ? nil : tools))
      return Begun(owner: owner, agent: agent, sequence: try answer.decoded(WrittenRow.self).sequence)
    }
  }

  /// Something that runs.
  struct Begun {
    fileprivate let owner: Owner
    fileprivate let agent: String?
    fileprivate let sequence: Int64

    func ended(_ result: ExecutionResult) async {
      await write(
        ExecutionEnd(
          begun: sequence, outcome: result.outcomeWord, exitCode: result.endingNumber,
          seconds: result.duration / .seconds(1), peakMemory: result.mostMemory))
    }

    /// Writes down what it asked the proxy for.
    func connected(_ heard: HeardConnections) async {
      let (records, more) = heard.all
      guard !records.isEmpty else { return }
      await write(
        "/control/audit/connections",
        ExecutionConnections(agent: agent, connections: records, more: more))
    }

    func notStarted(_ reason: String) async {
      await write(
        ExecutionEnd(
          begun: sequence, outcome: "notStarted", exitCode: 0, seconds: 0, peakMemory: 0, reason: reason))
    }

    /// What has run cannot be taken back: where its end cannot be written down, a person is told.
    private func write(_ end: ExecutionEnd) async { await write("/control/audit/ended", end) }

    private func write(_ path: String, _ order: some Encodable & Sendable) async {
      do {
        do {
          _ = try await owner.send("POST", path, order)
        } catch {
          // The service may have ended, or begun, since.
          _ = try await Owner.withConnection { try await $0.send("POST", path, order) }
        }
      } catch {
        let reason = FailureTranslation.failure(for: error).sentence
        Terminal.note("osaurus-host: how it ended could not be written into the audit: \(reason)")
      }
    }
  }
}

private struct ExecutionOrder: Encodable {
  let agent: String?
  let code: String
  let reason: String?
  var tools: [String]?
}

private struct ExecutionConnections: Encodable {
  let agent: String?
  let connections: [EgressRecord]
  /// How many there were besides.
  let more: Int
}

/// What a command asked the proxy for: the first of it, and how much more there was.
final class HeardConnections: Sendable {
  /// As many as the audit has a record of.
  private static let most = 256
  private let heard = Mutex<(records: [EgressRecord], more: Int)>(([], 0))

  func note(_ record: EgressRecord) {
    heard.withLock { heard in
      if heard.records.count < Self.most { heard.records.append(record) } else { heard.more += 1 }
    }
  }

  var all: (records: [EgressRecord], more: Int) { heard.withLock { $0 } }
}

private struct ExecutionEnd: Encodable {
  let begun: Int64
  let outcome: String
  let exitCode: Int32
  let seconds: Double
  let peakMemory: UInt64
  var reason: String?
}

private struct WrittenRow: Decodable { let sequence: Int64 }
