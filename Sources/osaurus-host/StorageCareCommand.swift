import ArgumentParser
import Foundation
import Host
import NIOCore
import Storage

extension StorageCommand {
  /// What is stored here, looked at from this process; a running service is not disturbed.
  fileprivate static func storage() throws -> HostStorage {
    let folders = try OpenHost.folders()
    let settings = try HostSettings.load(
      folders: folders, environment: ProcessInfo.processInfo.environment)
    return try HostStorage(folders: folders, settings: settings)
  }

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what is stored, and how it is.",
      discussion: """
        Example: osaurus-host storage status --json

        It works with the service running or stopped, and changes nothing.
        """)

    @OptionGroup var output: OutputOptions

    func run() async throws {
      let status = try StorageCommand.storage().status()
      if output.json { return Terminal.say(try JSONText.encode(status)) }
      var table = Table("DATABASE", "STATE", "SIZE", "LOG", "SCHEMA")
      for database in status.databases {
        table.add(
          database.name, database.condition, Self.size(database.bytes), Self.size(database.logBytes),
          database.schemaVersion.map(String.init) ?? "-")
      }
      table.show()
      Terminal.say("attachments     \(status.blobs.count), \(Self.size(status.blobs.bytes))")
      Terminal.say("key generation  \(status.keyGeneration)")
      if let slots = status.slots {
        Terminal.say(
          "way back        \(slots.isEmpty ? "\(WaysBack.none); \(WaysBack.remedy)" : WaysBack.words(slots))")
      } else {
        Terminal.say("way back        keyslots.json cannot be read; see 'osaurus-host storage verify'")
      }
      for folder in status.quarantine { Terminal.say("moved aside     \(folder)") }
      for database in status.degraded { Terminal.note(database.reason ?? database.name) }
    }

    static func size(_ bytes: Int) -> String {
      bytes < 1 << 10
        ? "\(bytes) B" : bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Read everything that is stored, and tell what is not as it was written.",
      discussion: """
        Example: osaurus-host storage verify

        Every page, table, index, turn and attachment is looked at. It works with the service running or stopped, and \
        without --repair changes nothing. Exit code 1 when something is broken.

        With --repair, full-text indexes that do not fit their rows are made anew from them. Nothing else can be mended \
        from what is there: restore it from a backup, or see 'osaurus-host storage quarantine'.
        """)

    @Flag(help: "Make full-text indexes anew that do not fit their rows.") var repair = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let storage = try StorageCommand.storage()
      let line = ProgressLine(isQuiet: output.json || !Terminal.isDecorated(.error))
      func verify() throws -> StorageVerification {
        defer { line.clear() }
        return try storage.verify { line.show("\($0.done + 1) of \($0.all)  \($0.part)") }
      }
      var found = try verify()
      var rebuilt: [String] = []
      if repair, !found.brokenIndexes.isEmpty {
        rebuilt = try await Self.rebuild(found.brokenIndexes)
        found = try verify()
      }
      if output.json {
        struct Answer: Encodable {
          let broken: Bool
          let findings: [StorageVerification.Finding]
          let rebuilt: [String]
        }
        Terminal.say(
          try JSONText.encode(
            Answer(broken: found.isBroken, findings: found.findings, rebuilt: rebuilt)))
      } else {
        for index in rebuilt { Terminal.say("MENDED  \(index) was made anew") }
        for finding in found.findings {
          // What is thrown says of what it speaks.
          let part = finding.detail.hasPrefix(finding.part) ? "" : "\(finding.part): "
          Terminal.say("\(Self.mark(finding.state))  \(part)\(finding.detail)")
        }
        Terminal.say(found.isBroken ? "Something is broken." : "Everything is as it was written.")
      }
      if found.isBroken { throw ExitCode(ExitStatus.failed.rawValue) }
    }

    private struct Indexes: Codable {
      let indexes: [String]
    }

    private static func rebuild(_ indexes: [String]) async throws -> [String] {
      try await Owner.withConnection { owner in
        try await owner.send(
          "POST", "/control/storage/rebuild", Indexes(indexes: indexes), timeout: .hours(1)
        ).decoded(Indexes.self).indexes
      }
    }

    private static func mark(_ state: StorageVerification.Finding.State) -> String {
      switch state {
      case .good: "ok    "
      case .note: "note  "
      case .broken: "BROKEN"
      }
    }
  }

  struct Move: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "quarantine",
      abstract: "Move a broken database aside, so that the host can make a new one.",
      discussion: """
        Example: osaurus-host storage quarantine chat/history.sqlite

        The database goes into the folder 'quarantine' of the data folder, with its log and, for the history, the \
        attachments. Nothing is deleted, and a database in which nothing is wrong stays where it is. After it, \
        restart the service.
        """)

    @Argument(help: "The database, as 'storage status' calls it.") var database: String
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      guard let name = DatabaseName(rawValue: database) else {
        throw CommandFailure(
          .notFound, "database_not_found",
          "There is no database '\(Terminal.harmless(database, on: .error))'.",
          nextStep: "osaurus-host storage status")
      }
      let quarantine = Quarantine(try StorageCommand.storage())
      let problem = try quarantine.check(name)
      Terminal.note(problem)
      if name == .host {
        Terminal.note(
          "With it go all agents, access keys and revocations: keys that were revoked are good again in a new one."
        )
      }
      try Terminal.confirm(
        "Move \(name.rawValue) aside? The host begins a new one.", assumingYes: confirmation.yes)
      let moved = try quarantine.move(name)
      if output.json { return Terminal.say(try JSONText.encode(moved)) }
      Terminal.say("Moved to \(moved.folder): \(moved.files.joined(separator: ", ")).")
    }
  }

  struct Maintain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Look after the databases, as the service does by itself from time to time.",
      discussion: """
        Example: osaurus-host storage maintain --now

        Statistics are brought up to date every 6 hours, logs moved into the files every 7 days, free space given \
        back every 30 days; never while an answer is being made.
        """)

    @Flag(help: "Do everything now, whether it is due or not.") var now = false
    @OptionGroup var output: OutputOptions

    private struct Report: Decodable {
      struct Entry: Decodable {
        let database: String
        let task: String
      }
      let done: [Entry]
      let postponed: [Entry]
      let removedBlobs: Int
      let failures: [String]
    }

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", "/control/storage/maintain", ["now": now], timeout: .hours(1))
        let report = try answer.decoded(Report.self)
        if output.json {
          try answer.show()
        } else {
          for entry in report.done { Terminal.say("done       \(entry.task) of \(entry.database)") }
          for entry in report.postponed { Terminal.say("postponed  \(entry.task) of \(entry.database)") }
          if report.removedBlobs > 0 {
            Terminal.say("removed    \(report.removedBlobs) attachments that nothing referred to")
          }
          for failure in report.failures { Terminal.note(failure) }
          if report.done.isEmpty, report.postponed.isEmpty, report.failures.isEmpty {
            Terminal.say("Nothing is due.")
          }
        }
        if !report.failures.isEmpty { throw ExitCode(ExitStatus.failed.rawValue) }
      }
    }
  }
}
