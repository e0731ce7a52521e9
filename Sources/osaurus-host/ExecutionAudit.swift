import Foundation
import Host
import Sandbox
import Stores

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

  func execution(of command: [String], agent: UUID?) -> Execution {
    Execution(owner: owner, agent: agent?.uuidString, code: CodeDigest(arguments: command).hex)
  }

  /// Something that is to be run.
  struct Execution {
    fileprivate let owner: Owner?
    fileprivate let agent: String?
    fileprivate let code: String

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
        "POST", "/control/audit/begun", ExecutionOrder(agent: agent, code: code, reason: nil))
      return Begun(owner: owner, sequence: try answer.decoded(WrittenRow.self).sequence)
    }
  }

  /// Something that runs.
  struct Begun {
    fileprivate let owner: Owner
    fileprivate let sequence: Int64

    func ended(_ result: ExecutionResult) async {
      await write(
        ExecutionEnd(
          begun: sequence, outcome: result.outcomeWord, exitCode: result.endingNumber,
          seconds: result.duration / .seconds(1), peakMemory: result.mostMemory))
    }

    func notStarted(_ reason: String) async {
      await write(
        ExecutionEnd(
          begun: sequence, outcome: "notStarted", exitCode: 0, seconds: 0, peakMemory: 0, reason: reason))
    }

    /// What has run cannot be taken back: where its end cannot be written down, a person is told.
    private func write(_ end: ExecutionEnd) async {
      do {
        do {
          _ = try await owner.send("POST", "/control/audit/ended", end)
        } catch {
          // The service may have ended, or begun, since.
          _ = try await Owner.withConnection { try await $0.send("POST", "/control/audit/ended", end) }
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
