import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Sandbox
import Stores

/// The owner's questions about the audit, and the records of what the owner runs.
struct ControlAuditRoutes: RouteGroup {
  let audit: AuditLog
  let agents: AgentStore

  func register(on routes: inout Routes) {
    routes.on(.post, "/control/audit/list", .administration, use: list)
    routes.on(.get, "/control/audit/verify", .administration, use: verify)
    routes.on(.post, "/control/audit/compare", .administration, use: compare)
    routes.on(.post, "/control/audit/export", .administration, use: export)
    routes.on(.post, "/control/audit/prune", .administration, use: prune)
    routes.on(.post, "/control/audit/begun", .administration, use: begun)
    routes.on(.post, "/control/audit/ended", .administration, use: ended)
    routes.on(.post, "/control/audit/refused", .administration, use: refused)
    routes.on(.post, "/control/audit/connections", .administration, use: connections)
  }

  // MARK: Questions

  private struct Question: Decodable {
    /// A name, an address or a UUID, which may be that of an agent that is gone.
    var agent: String?
    /// Seconds since 1970.
    var since: Double?
    var limit: Int?
  }

  private struct Listing: Encodable {
    let records: [AuditRecord]
  }

  private struct Report: Encodable {
    struct Fault: Encodable {
      let code: String
      let sequence: Int64
      let message: String

      init(_ fault: AuditFault) {
        (code, sequence, message) = (fault.code, fault.sequence, fault.description)
      }
    }

    struct Owner: Encodable {
      let from: Int64
      let host: UUID
      let identity: String
    }

    let good: Bool
    let records: Int
    let floor: Int64
    let last: Int64
    let checkpoints: Int
    let signedThrough: Int64
    let unsigned: Int64
    let unended: Int
    let owners: [Owner]
    let faults: [Fault]

    init(_ report: AuditReport) {
      (good, records, floor, last) = (report.isGood, report.records, report.floor, report.last)
      (checkpoints, signedThrough) = (report.checkpoints, report.signedThrough)
      (unsigned, unended) = (report.unsigned, report.unended)
      owners = report.owners.map {
        Owner(from: $0.from, host: $0.binding.host, identity: $0.binding.signer.checksummed)
      }
      faults = report.faults.map(Fault.init)
    }
  }

  private struct Witnesses: Decodable {
    let records: [AuditWitness]
  }

  private struct Comparison: Encodable {
    let matched: Int
    let removed: Int
    let fault: Report.Fault?
  }

  private struct Part: Codable {
    /// The number of the record that came last; nil for the beginning.
    var after: Int64?
  }

  private struct Lines: Encodable {
    let lines: [String]
    let next: Int64?
  }

  private struct Removal: Codable {
    let through: Int64
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let question = try await request.decoded(Question.self) else { throw ControlFailure.malformed }
      await audit.settle()
      let since = question.since.map { Date(timeIntervalSince1970: $0) }
      return try .json(
        Listing(
          records: try await audit.store.list(
            agent: try await agent(question.agent), since: since, limit: question.limit ?? 50)))
    }
  }

  private func verify(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      await audit.settle()
      return try .json(Report(try await audit.store.verify()))
    }
  }

  private func compare(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let witnesses = try await request.decoded(Witnesses.self),
        witnesses.records.count <= AuditStore.mostListed
      else { throw ControlFailure.malformed }
      let found = try await audit.store.compare(with: witnesses.records)
      return try .json(
        Comparison(
          matched: found.matched, removed: found.removed, fault: found.fault.map(Report.Fault.init)))
    }
  }

  private func export(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let part = try await request.decoded(Part.self) else { throw ControlFailure.malformed }
      if part.after == nil {
        await audit.settle()
        try await audit.store.sign()
      }
      let export = try await audit.store.export(after: part.after)
      return try .json(Lines(lines: export.lines, next: export.next))
    }
  }

  private func prune(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Removal.self) else { throw ControlFailure.malformed }
      await audit.settle()
      return try .json(Removal(through: try await audit.store.prune(through: order.through)))
    }
  }

  // MARK: What the owner runs

  private struct Execution: Decodable {
    var agent: String?
    /// 64 hexadecimal digits.
    let code: String
    /// Why it is refused.
    var reason: String?
    /// The tools that it may call.
    var tools: [String]?

    func digest() throws -> CodeDigest {
      guard let digest = CodeDigest(hex: code) else { throw ControlFailure.malformed }
      return digest
    }
  }

  private struct Ending: Decodable {
    let begun: Int64
    let outcome: String
    let exitCode: Int32
    let seconds: Double
    let peakMemory: UInt64
    var reason: String?
  }

  private struct Written: Encodable {
    let sequence: Int64
  }

  private func begun(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Execution.self) else { throw ControlFailure.malformed }
      return try await write(
        .begun(
          .owner, agent: try await agent(order.agent), code: try order.digest(),
          allowedTools: order.tools ?? []))
    }
  }

  private func ended(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Ending.self), order.seconds.isFinite,
        let outcome = AuditOutcome(name: order.outcome)
      else { throw ControlFailure.malformed }
      return try await write(
        .ended(
          order.begun, by: .owner, outcome: outcome, exitCode: order.exitCode,
          duration: .seconds(min(max(order.seconds, 0), 1e9)), peakMemory: order.peakMemory,
          reason: order.reason ?? ""))
    }
  }

  private func refused(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Execution.self) else { throw ControlFailure.malformed }
      return try await write(
        .refused(
          .owner, agent: try await agent(order.agent), code: try order.digest(), reason: order.reason ?? ""))
    }
  }

  private struct Connections: Decodable {
    var agent: String?
    let connections: [EgressRecord]
    /// How many there were besides.
    var more: Int?
  }

  /// The connections of one command.
  private func connections(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Connections.self) else { throw ControlFailure.malformed }
      let kept = ConnectionAudit(audit, agent: try await agent(order.agent), origin: .owner)
      for connection in order.connections { kept.note(connection) }
      if let more = order.more, more > 0, more < 1 << 32 { kept.note(more: more) }
      return Response(status: .noContent)
    }
  }

  private func write(_ event: AuditEvent) async throws -> Response {
    try .json(Written(sequence: try await audit.append(event)), status: .created)
  }

  private func agent(_ reference: String?) async throws -> UUID? {
    guard let reference else { return nil }
    do {
      return try await agents.find(reference: reference).id
    } catch {
      guard let id = UUID(uuidString: reference) else { throw error }
      return id
    }
  }
}
