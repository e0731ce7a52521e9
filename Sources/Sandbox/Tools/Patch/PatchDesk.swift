import CIsolation
import Glibc

/// Applies changes of several files, all or none of them.
///
/// New contents are written beside their files first. Then names are exchanged, each in one step of the file system, and taken back
/// where one of them fails. A journal says how far it is: when the host ends in the middle, even by `kill -9`, what was done is taken
/// back before the next patch, or when the agent's tools are made again. Until then, and while names are exchanged, some files are new
/// and some are old.
actor PatchDesk {
  /// Where a test can end a patch, as a sudden end of the host would.
  enum Point: Hashable, Sendable {
    case journalled
    case prepared(Int)
    case ready
    case renamed(Int)
    case whole
    case cleaned(Int)
  }

  /// The sudden end: nothing more is done.
  struct Stopped: Error {}

  private let files: ToolFiles
  private let journal: PatchFile
  private let reached: @Sendable (Point) throws -> Void

  init(profile: SandboxProfile, reached: @escaping @Sendable (Point) throws -> Void = { _ in }) {
    files = ToolFiles(profile: profile)
    journal = PatchFile(profile.places)
    self.reached = reached
  }

  /// Takes back what an earlier patch left half done, or finishes one that was whole.
  func recover() throws {
    try files.profile.places.prepare()
    let turn = try journal.turn()
    try recover(in: turn)
  }

  private func recover(in turn: borrowing Descriptor) throws {
    guard let found = journal.read() else { return }
    // What is known of it is not given up because a workspace is out of reach for now.
    for step in found.steps { try requireReach(of: step) }
    var failed: [String] = []
    switch found.stage {
    case .done: for step in found.steps { try? cleanUp(step) }
    case .preparing: for step in found.steps { try? discard(step) }
    case .renaming: failed = undo(found.steps)
    }
    journal.remove()
    guard failed.isEmpty else { throw Self.halfDone(failed) }
  }

  func apply(_ changes: [PlannedChange]) throws {
    let turn = try journal.turn()
    try recover(in: turn)
    var record = PatchJournal(stage: .preparing, steps: changes.map(\.step))
    do {
      try journal.write(record)
      try reached(.journalled)
      for (index, change) in changes.enumerated() {
        record.steps[index].new = try prepare(change)
        try reached(.prepared(index))
      }
      record.stage = .renaming
      try journal.write(record)
      try reached(.ready)
    } catch let stopped as Stopped {
      throw stopped
    } catch {
      for step in record.steps { try? discard(step) }
      journal.remove()
      throw error
    }
    do {
      for (index, step) in record.steps.enumerated() {
        try perform(step)
        try reached(.renamed(index))
      }
      record.stage = .done
      try journal.write(record)
    } catch let stopped as Stopped {
      throw stopped
    } catch {
      record.stage = .renaming
      let failed = undo(record.steps)
      journal.remove()
      guard failed.isEmpty else { throw Self.halfDone(failed) }
      throw error
    }
    try reached(.whole)
    for (index, step) in record.steps.enumerated() {
      try? cleanUp(step)
      try reached(.cleaned(index))
    }
    journal.remove()
  }

  private func requireReach(of step: PatchStep) throws(ToolFailure) {
    do {
      _ = try files.place(of: files.path(step.path))
    } catch {
      throw ToolFailure(
        .unavailable,
        "An earlier patch was left half done, and `\(step.path)` cannot be reached to take it back: its workspace is not granted now.",
        expected: "the workspace granted again by the owner")
    }
  }

  private static func halfDone(_ paths: [String]) -> ToolFailure {
    ToolFailure(
      .executionError,
      "A patch was taken back, but not in \(paths.joined(separator: ", ")): somebody else changed what is there."
    )
  }

  private func prepare(_ change: PlannedChange) throws -> FileIdentity? {
    switch change.step.action {
    case .create, .update:
      let place = try files.place(of: change.path)
      try place.makeParents(of: change.path)
      let parent = try place.parent(of: change.path)
      return try place.prepare(
        change.content, as: change.step.passing, beside: parent, mode: change.mode, isKept: true)
    case .move:
      if let target = change.target { try files.place(of: target).makeParents(of: target) }
      return nil
    case .delete: return nil
    }
  }

  private func perform(_ step: PatchStep) throws {
    let path = try files.path(step.path)
    let place = try files.place(of: path)
    let parent = try place.parent(of: path)
    switch step.action {
    case .create: try parent.take(step.passing, OSR_KEEP)
    case .update:
      try parent.take(step.passing, OSR_EXCHANGE)
      guard try parent.identity(of: step.passing) == step.old else { throw Self.changed(path) }
    case .delete:
      try parent.give(step.passing)
      guard try parent.identity(of: step.passing) == step.old else { throw Self.changed(path) }
    case .move:
      let target = try files.path(step.target ?? "")
      try place.move(path, target, OSR_KEEP)
      guard try place.entry(target)?.identity == step.old else { throw Self.changed(path) }
    }
  }

  private static func changed(_ path: SandboxPath) -> ToolFailure {
    ToolFailure(.executionError, "`\(path.text)` was changed by somebody else meanwhile.", field: "changes")
  }

  /// Takes back what was done of these, the last first.
  /// - Returns: the paths where that failed.
  private func undo(_ steps: [PatchStep]) -> [String] {
    var failed: [String] = []
    for step in steps.reversed() {
      do {
        try undo(step)
      } catch {
        failed.append(step.path)
      }
    }
    return failed
  }

  private func undo(_ step: PatchStep) throws {
    let path = try files.path(step.path)
    let place = try files.place(of: path)
    let parent: OpenParent
    do {
      parent = try place.parent(of: path)
    } catch {
      // The folder went, and what was made in it.
      if step.action == .create { return }
      throw error
    }
    let present = try parent.entry()?.identity
    let passing = try parent.identity(of: step.passing)
    switch step.action {
    case .create:
      if let present, present.isSameFile(as: step.new) { try parent.remove() }
      try discard(step)
    case .update:
      if let present, present.isSameFile(as: step.new), passing != nil {
        try parent.take(step.passing, OSR_EXCHANGE)
      }
      try discard(step)
    case .delete:
      if passing != nil { try parent.take(step.passing, OSR_KEEP) }
    case .move:
      let target = try files.path(step.target ?? "")
      guard present == nil, let moved = try place.entry(target), moved.identity.isSameFile(as: step.old)
      else { return }
      try place.move(target, path, OSR_KEEP)
    }
  }

  /// Takes away a new file that never counted.
  private func discard(_ step: PatchStep) throws {
    guard step.action == .create || step.action == .update else { return }
    let parent = try parent(of: step)
    if let new = step.new, try parent.identity(of: step.passing)?.isSameFile(as: new) != true { return }
    unlinkat(parent.folder.number, step.passing, 0)
  }

  /// Takes away an old file that does not count any more.
  private func cleanUp(_ step: PatchStep) throws {
    guard step.action == .update || step.action == .delete else { return }
    let parent = try parent(of: step)
    guard let old = step.old, try parent.identity(of: step.passing) == old else { return }
    unlinkat(parent.folder.number, step.passing, 0)
  }

  private func parent(of step: PatchStep) throws -> OpenParent {
    let path = try files.path(step.path)
    return try files.place(of: path).parent(of: path)
  }
}

extension OpenParent {
  /// Which file is called `name` in this folder.
  func identity(of name: String) throws(SandboxError) -> FileIdentity? {
    do {
      return try FolderEntry(name, in: folder)?.identity
    } catch {
      throw SandboxFolder.refusal(path, error)
    }
  }

  /// Gives what the path names another name in this folder, where nothing has that.
  func give(_ name: String) throws(SandboxError) {
    let error = osr_rename(folder.number, self.name, folder.number, name, Int32(OSR_KEEP.rawValue))
    guard error == 0 else { throw SandboxFolder.refusal(path, SystemError(number: error)) }
  }
}
