import ArgumentParser
import Foundation
import NIOCore

/// `audit`: what was run in a sandbox, and what was refused.
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Show what was run in the sandbox and what was refused, and prove that nothing was changed.",
    discussion: """
      Example: osaurus-host audit show --agent Ada --since 24h

      Every execution in the sandbox and every refusal is a record. Each record's hash covers the one before it, and \
      the host's identity signs the newest one now and then, so that no record can be changed, removed or put in unseen. Of \
      what was run, its SHA-256 is kept, never the code itself nor what it said.
      """,
    subcommands: [Show.self, Verify.self, Export.self, Prune.self], defaultSubcommand: Show.self)

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show records, the newest last.",
      discussion: """
        Example: osaurus-host audit show --agent Ada --since 24h

        An execution has two records, of its beginning and of its end. A beginning without an end runs now, or was cut \
        short.
        """)

    @Option(help: "Only what is about this agent (name, id or address).") var agent: String?
    @Option(
      help: ArgumentHelp(
        "Only what is not older: 30m, 24h, 7d, or a day or a time such as 2026-11-21 or 2026-11-21T18:00:00Z.",
        valueName: "time"), transform: Self.moment)
    var since: Date?
    @Option(help: "How many records, of the newest.") var limit = 50
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard (1...5000).contains(limit) else { throw ValidationError("--limit takes 1 to 5000.") }
    }

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", "/control/audit/list",
          AuditQuestion(agent: agent, since: since?.timeIntervalSince1970, limit: limit))
        if output.json { return try answer.show(member: "records") }
        let records = try answer.decoded(AuditRows.self).records
        guard !records.isEmpty else { return Terminal.say("Nothing is recorded.") }
        var table = Table("NUMBER", "TIME", "WHO", "WHAT", "OUTCOME", "TOOK", "ABOUT", "CODE")
        for record in records {
          table.add(
            "\(record.sequence)", String(record.at.prefix(19)).replacing("T", with: " "), record.origin,
            record.what, record.came, record.took, record.subject.map { String($0.prefix(8)) } ?? "",
            record.code.map { String($0.prefix(12)) } ?? "")
        }
        table.show()
      }
    }

    @Sendable static func moment(_ text: String) throws -> Date {
      if let match = text.wholeMatch(of: /(\d{1,6})([smhd])/), let count = Double(match.1) {
        let seconds: [Substring: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        return Date(timeIntervalSinceNow: -count * (seconds[match.2] ?? 1))
      }
      if let time = try? Date(text, strategy: .iso8601) { return time }
      if let day = try? Date(text, strategy: .iso8601.year().month().day()) { return day }
      throw ValidationError("It is 30m, 24h or 7d, or a time such as 2026-11-21 or 2026-11-21T18:00:00Z.")
    }
  }

  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Write the whole audit into a new file, with everything that is needed to verify it elsewhere.",
      discussion: """
        Example: osaurus-host audit export audit.jsonl

        The file has a line of JSON for each record and each signature, as Docs/AUDIT.md describes. - writes to standard \
        output. What is not signed yet is signed first.
        """)

    @Argument(help: "The file, which must not be there yet; - for standard output.") var file: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let sink = try AuditFile(file)
      let count: Int
      do {
        count = try await Owner.withConnection { owner in
          var (count, next) = (0, Int64?.none)
          repeat {
            let part = try await owner.send(
              "POST", "/control/audit/export", AuditPart(after: next), timeout: .minutes(5)
            ).decoded(AuditLines.self)
            try sink.write(part.lines)
            count += part.lines.count
            next = part.next
          } while next != nil
          return count
        }
        try sink.finish()
      } catch {
        sink.remove()
        throw error
      }
      guard file != "-" else { return }
      if output.json { return Terminal.say(JSONText.object(["path": file, "lines": "\(count)"])) }
      Terminal.say("Wrote \(count) lines to \(file).")
    }
  }

  struct Prune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove the oldest records for good.",
      discussion: """
        Example: osaurus-host audit prune --through 12000

        Export them first: osaurus-host audit export audit-2026.jsonl. They go up to the newest signature that is not after the record that is named, so that the rest still can be \
        verified from there on. Nothing goes where any of them is not as it was written.
        """)

    @Option(help: "The number of the newest record that may go.") var through: Int64
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard through > 0 else { throw ValidationError("Records have numbers from 1 on.") }
    }

    func run() async throws {
      try Terminal.confirm(
        "Records up to \(through) are removed from the audit for good. Go on?",
        assumingYes: confirmation.yes)
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/audit/prune", AuditRemoval(through: through))
        if output.json { return try answer.show() }
        let floor = try answer.decoded(AuditRemoval.self).through
        Terminal.say(
          floor == 0
            ? "Nothing was removed: no signature covers records up to there, or one of them was changed."
            : "The audit goes on after record \(floor).")
      }
    }
  }
}

private struct AuditQuestion: Encodable {
  let agent: String?
  let since: Double?
  let limit: Int
}

private struct AuditRows: Decodable { let records: [AuditRow] }

private struct AuditRow: Decodable {
  let sequence: Int64
  let at: String
  let kind: String
  let origin: String
  let outcome: String
  let exitCode: Int32
  let subject: String?
  let code: String?
  let about: Int64
  let durationMs: Int64
  let reason: String

  var what: String {
    switch kind {
    case "ended", "pruned": "\(kind) \(about)"
    case "bound": "audit begins"
    default: reason.isEmpty ? kind : "\(kind): \(reason)"
    }
  }

  var came: String {
    switch outcome {
    case "none": ""
    case "exited", "signalled": "\(outcome) \(exitCode)"
    default: outcome
    }
  }

  var took: String {
    guard ["ended", "toolCall", "connection"].contains(kind) else { return "" }
    return String(format: "%.1f s", Double(durationMs) / 1000)
  }
}

private struct AuditPart: Encodable { let after: Int64? }

private struct AuditLines: Decodable {
  let lines: [String]
  let next: Int64?
}

private struct AuditRemoval: Codable { let through: Int64 }

/// Where an export goes: a new file that only its owner may read, or standard output.
private struct AuditFile {
  private let handle: FileHandle
  private let path: String?

  /// - Throws: ``CommandFailure`` where there is something already, or nothing can be.
  init(_ path: String) throws {
    guard path != "-" else {
      (handle, self.path) = (.standardOutput, nil)
      return
    }
    let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let (status, reason) = (errno, String(cString: strerror(errno)))
      throw CommandFailure(
        .failed, status == EEXIST ? "target_exists" : "file", "\(path) cannot be written: \(reason).",
        nextStep: status == EEXIST ? "Choose another name; nothing is written over." : nil)
    }
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    self.path = path
  }

  func write(_ lines: [String]) throws {
    try handle.write(contentsOf: Data(lines.map { $0 + "\n" }.joined().utf8))
  }

  /// Makes it outlive a power cut.
  func finish() throws { if path != nil { try handle.synchronize() } }

  func remove() { if let path { unlink(path) } }
}
