import ArgumentParser
import Foundation
import NIOCore
import Stores

extension AuditCommand {
  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read the whole audit and name every record that is not as it was written.",
      discussion: """
        Example: osaurus-host audit verify
        Example: osaurus-host audit verify --against /media/stick/audit-2026-10.jsonl

        It ends with exit code 1 where anything is wrong. What was removed by its owner is no fault, as long as a signature \
        covers it. Whoever has the host's keys could write all of it anew, and who can write into its database could cut \
        off its end: keep an export elsewhere, and hold the audit against it.
        """)

    @Option(
      help: ArgumentHelp(
        "An earlier export, or - to read one: every record of it has to be here still, as it was, unless it was removed by its owner.",
        valueName: "file")) var against: String?
    @OptionGroup var output: OutputOptions

    func run() async throws {
      // What cannot be read is said before anything else is done.
      let export = try against.map(AuditExportReader.init)
      let (report, comparison) = try await Owner.withConnection { owner in
        let report = try await owner.send("GET", "/control/audit/verify", Int?.none, timeout: .minutes(10))
        return (report, try await export?.compare(by: owner))
      }
      let row = try report.decoded(AuditReportRow.self)
      if output.json {
        try show(report, comparison)
      } else {
        for fault in row.faults { Terminal.say("BAD   \(fault.message)") }
        if let fault = comparison?.fault { Terminal.say("BAD   \(fault.message)") }
        for line in row.lines { Terminal.say(line) }
        for line in comparison?.lines ?? [] { Terminal.say(line) }
      }
      guard row.good, comparison?.isGood != false else { throw ExitCode(ExitStatus.failed.rawValue) }
    }

    /// The report of the host, with what came of the comparison.
    private func show(_ report: Owner.Answer, _ comparison: AuditComparisonRow?) throws {
      guard let comparison, var object = try JSONSerialization.jsonObject(with: report.body) as? [String: Any]
      else { return try report.show() }
      object["good"] = object["good"] as? Bool == true && comparison.isGood
      object["against"] = try JSONSerialization.jsonObject(with: JSONEncoder().encode(comparison))
      let data = try JSONSerialization.data(
        withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
      Terminal.say(String(decoding: data, as: UTF8.self))
    }
  }
}

private struct AuditReportRow: Decodable {
  struct Fault: Decodable { let message: String }
  struct Owner: Decodable {
    let from: Int64
    let identity: String
  }

  let good: Bool
  let records: Int
  let floor: Int64
  let last: Int64
  let unsigned: Int64
  let unended: Int
  let owners: [Owner]
  let faults: [Fault]

  var lines: [String] {
    guard last > 0 else { return good ? ["Nothing is recorded."] : [] }
    var lines: [String] = []
    if good {
      lines.append("ok    \(records) records are as they were written, from \(floor + 1) to \(last).")
    }
    if floor > 0 { lines.append("note  Records up to \(floor) were removed by their owner.") }
    if unsigned > 0 {
      lines.append(
        "note  \(unsigned) of them are not signed yet. The service signs every few minutes and when it stops."
      )
    }
    if unended > 0 { lines.append("note  \(unended) beginnings have no end: they run, or were cut short.") }
    if owners.count > 1 {
      lines += owners.map { "note  From record \($0.from) on it was signed by \($0.identity)." }
    }
    return lines
  }
}

/// What came of holding the audit against an export.
private struct AuditComparisonRow: Codable {
  struct Fault: Codable {
    let code: String
    let sequence: Int64
    let message: String
  }

  var matched = 0
  var removed = 0
  var fault: Fault?

  /// Where nothing could be compared, nothing is proven.
  var isGood: Bool { fault == nil && matched > 0 }

  var lines: [String] {
    var lines: [String] = []
    if isGood { lines.append("ok    \(matched) records are the same as in the export.") }
    if fault == nil, matched == 0 { lines.append("BAD   Nothing of the export is here to be compared.") }
    if removed > 0 {
      lines.append("note  \(removed) records of the export were removed by their owner since.")
    }
    return lines
  }
}

/// Reads an export, a line at a time.
private struct AuditExportReader {
  /// Bytes that are read at once.
  private static let piece = 256 << 10
  /// Records in one question.
  private static let most = 2000

  private let handle: FileHandle

  /// - Throws: ``CommandFailure`` where there is no such file.
  init(_ path: String) throws {
    guard path != "-" else {
      handle = .standardInput
      return
    }
    guard let opened = FileHandle(forReadingAtPath: path) else {
      throw CommandFailure.notFound("\(path) cannot be read.")
    }
    handle = opened
  }

  /// Holds the audit against it, up to the first difference.
  func compare(by owner: Owner) async throws -> AuditComparisonRow {
    var all = AuditComparisonRow()
    var waiting: [AuditWitness] = []
    var rest = Data()
    var isEnd = false
    while !isEnd, all.fault == nil {
      let piece = try handle.read(upToCount: Self.piece) ?? Data()
      isEnd = piece.isEmpty
      rest += piece
      var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      // The last one goes on in the next piece.
      rest = isEnd ? Data() : Data(lines.removeLast())
      guard rest.count <= AuditWitness.longestLine else { throw StoresError.notAnAuditExport }
      waiting += try lines.filter { !$0.isEmpty }.compactMap { try AuditWitness.read($0) }
      while waiting.count >= Self.most || isEnd && !waiting.isEmpty, all.fault == nil {
        try await all.add(Array(waiting.prefix(Self.most)), askedOf: owner)
        waiting.removeFirst(min(Self.most, waiting.count))
      }
    }
    return all
  }
}

extension AuditComparisonRow {
  fileprivate mutating func add(_ witnesses: [AuditWitness], askedOf owner: Owner) async throws {
    let part = try await owner.send("POST", "/control/audit/compare", ["records": witnesses])
      .decoded(AuditComparisonRow.self)
    matched += part.matched
    removed += part.removed
    fault = part.fault
  }
}
