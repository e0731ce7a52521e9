import Foundation
import GRDB
import Keyring
import Logging
import Storage
import Stores

/// Looks after the databases from time to time, and never while an answer is being made.
actor Maintenance {
  private let folders: HostFolders
  private let databases: HostDatabases
  private let chats: ChatStore
  private let logger: Logger
  private let isBusy: @Sendable () -> Bool

  init(
    folders: HostFolders, databases: HostDatabases, chats: ChatStore, logger: Logger,
    isBusy: @escaping @Sendable () -> Bool
  ) {
    self.folders = folders
    self.databases = databases
    self.chats = chats
    self.logger = logger
    self.isBusy = isBusy
  }

  /// What was done, and what was put off.
  struct Report: Encodable, Hashable, Sendable {
    struct Entry: Encodable, Hashable, Sendable {
      let database: String
      let task: MaintenanceTask
    }

    var done: [Entry] = []
    /// Left for later, because an answer is being made.
    var postponed: [Entry] = []
    /// Blobs that nobody referred to.
    var removedBlobs = 0
    /// What did not succeed, one sentence each.
    var failures: [String] = []

    fileprivate mutating func add(_ other: Report) {
      done += other.done
      postponed += other.postponed
      removedBlobs += other.removedBlobs
      failures += other.failures
    }
  }

  /// Does what is due, first after half a minute and then every half hour, until it is cancelled.
  func run() async {
    var pause = Duration.seconds(30)
    while (try? await Task.sleep(for: pause)) != nil {
      await databases.cabinet.closeIdle(for: .seconds(600))
      let report = await tend(now: Date(), all: false)
      for failure in report.failures { logger.warning("maintenance: \(failure)") }
      for entry in report.done { logger.debug("maintenance: \(entry.task.rawValue) of \(entry.database)") }
      pause = .seconds(1800)
    }
  }

  /// Does what is due, or everything.
  func tend(now: Date, all: Bool) async -> Report {
    var report = Report()
    var stamps = (try? MaintenanceStamps.read(folders)) ?? MaintenanceStamps()
    func due(_ name: DatabaseName) -> [MaintenanceTask] {
      let due = stamps.due(name.rawValue, now: now)
      return all ? MaintenanceTask.allCases : due
    }
    for (name, pool) in databases.open {
      report.add(await look(after: name, pool, due(name)))
    }
    do {
      // Those of agents and plugins, one at a time.
      let existing = try DatabaseName.existing(in: folders)
      for name in existing where !DatabaseName.single.contains(name) {
        let tasks = due(name)
        guard !tasks.isEmpty else { continue }
        do {
          let done = try await databases.cabinet.withExisting(name) {
            await self.look(after: name, StoreDatabase($0), tasks)
          }
          report.add(done ?? Report())
        } catch {
          report.failures.append("\(name.rawValue): \(error)")
        }
      }
      stamps.keep(Set(existing.map(\.rawValue)))
    } catch {
      report.failures.append("\(error)")
    }
    for entry in report.done { stamps.note(entry.task, of: entry.database, at: now) }
    do {
      try stamps.write(folders)
    } catch {
      report.failures.append("\(error)")
    }
    return report
  }

  /// Does some tasks for a database.
  private func look(after name: DatabaseName, _ pool: StoreDatabase, _ tasks: [MaintenanceTask]) async
    -> Report
  {
    var report = Report()
    for task in tasks {
      let entry = Report.Entry(database: name.rawValue, task: task)
      guard !isBusy() else {
        report.postponed.append(entry)
        continue
      }
      do {
        if try await perform(task, on: pool, isChats: name == .chatHistory, &report) {
          report.done.append(entry)
        } else {
          report.postponed.append(entry)
        }
      } catch {
        report.failures.append("\(task.rawValue) of \(name.rawValue): \(error)")
      }
    }
    return report
  }

  /// - Returns: whether it came to its end; false where it left off because an answer is being made.
  private func perform(
    _ task: MaintenanceTask, on pool: StoreDatabase, isChats: Bool, _ report: inout Report
  ) async throws -> Bool {
    switch task {
    case .optimize:
      try await pool.writeWithoutTransaction {
        try $0.execute(sql: "PRAGMA analysis_limit = 400; PRAGMA optimize")
      }
      if isChats { report.removedBlobs += try await chats.collectBlobs() }
      return true
    case .checkpoint:
      _ = try await pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      return true
    case .vacuum: return try await vacuum(pool)
    }
  }

  private static let pagesAtOnce = 1000

  private func vacuum(_ pool: StoreDatabase) async throws -> Bool {
    let isIncremental = try await pool.read { try Int.fetchOne($0, sql: "PRAGMA auto_vacuum") == 2 }
    guard isIncremental else {
      // Made by an earlier version: once as a whole, and bit by bit from then on.
      try await pool.writeWithoutTransaction {
        try $0.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
      }
      return true
    }
    while true {
      let left = try await pool.writeWithoutTransaction { database in
        try database.execute(sql: "PRAGMA incremental_vacuum(\(Self.pagesAtOnce))")
        return try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
      }
      guard left > 0 else { return true }
      guard !isBusy() else { return false }
    }
  }
}
