/// `sandbox_apply_patch`: changes of several files, all or none of them.
struct ApplyPatchTool: SandboxTool {
  static let mostChanges = 200
  /// Bytes of all new contents.
  static let mostContent = 16 << 20

  let definition = ToolDefinition(
    "sandbox_apply_patch",
    "Create, update, delete and move several files of the sandbox: all of it is done, or nothing.",
    [
      .init(
        "changes",
        .objects(
          ToolSchema([
            .init(
              "action", .choice(PatchStep.Action.allCases.map(\.rawValue)), "What to do.", isRequired: true),
            .init("path", .text(longest: 4096), "The file. Each may be named once.", isRequired: true),
            .init(
              "content", .text(longest: ToolFiles.mostWritten), "For create and update: the whole content.",
              keepsEmpty: true),
            .init(
              "old_string", .text(longest: ToolFiles.mostWritten),
              "For update, instead of content: a text that is once in the file."),
            .init(
              "new_string", .text(longest: ToolFiles.mostWritten), "What takes its place.", keepsEmpty: true),
            .init("to", .text(longest: 4096), "For move: the new path, in the same place."),
          ]), most: mostChanges), "The changes.", isRequired: true)
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    var plan = PatchPlan(files: bench.files)
    for (index, change) in arguments.objects("changes").enumerated() {
      do {
        try plan.add(change)
      } catch {
        var failure = ToolFailure(error)
        failure.field = "changes[\(index)]" + (failure.field.map { ".\($0)" } ?? "")
        throw failure
      }
    }
    try plan.requireRoomInHome()
    for change in plan.changes {
      try await bench.context.gate.admitWrite(change.path)
      if let target = change.target { try await bench.context.gate.admitWrite(target) }
    }
    try await bench.patches.apply(plan.changes)
    let rows = plan.changes.map { change in
      ToolValue.members([
        "action": .string(change.step.action.rawValue), "path": .string(change.path.text),
        "to": (change.target?.text).map { .string($0) },
      ])
    }
    return ToolAnswer(["summary": .string("\(rows.count) changes were made."), "changes": .array(rows)])
  }
}

/// The changes of a patch, checked one after the other before anything is written.
struct PatchPlan {
  let files: ToolFiles
  private(set) var changes: [PlannedChange] = []
  private var paths: Set<SandboxPath> = []
  private var size = 0
  private var bytesInHome = 0

  init(files: ToolFiles) { self.files = files }

  mutating func add(_ change: ToolArguments) throws {
    guard let action = change.text("action").flatMap(PatchStep.Action.init(rawValue:)) else {
      throw ToolFailure.invalid("Missing required argument `action`.", field: "action", expected: "an action")
    }
    let path = try files.path(change.required("path"))
    try claim(path, field: "path")
    let place = try files.writablePlace(of: path)
    let entry = try place.entry(path)
    var target: SandboxPath?
    var content: [UInt8] = []
    switch action {
    case .create:
      guard entry == nil else { throw Self.occupied(path, field: "path") }
      content = Array(try change.required("content").utf8)
    case .update:
      try Self.requireFile(entry, path)
      if let text = change.text("content") {
        content = Array(text.utf8)
      } else {
        let edit = TextEdit(
          old: try change.required("old_string"), new: try change.required("new_string"), isEverywhere: false)
        content = Array(try edit.applied(to: files.text(path, in: place)).text.utf8)
      }
    case .delete: try Self.requireFile(entry, path)
    case .move:
      try Self.requireFile(entry, path)
      let wanted = try files.path(change.required("to"), field: "to")
      try claim(wanted, field: "to")
      guard wanted.root == path.root else {
        throw ToolFailure.invalid(
          "`\(path.root)` and `\(wanted.root)` are different places.", field: "to",
          expected: "a path in `\(path.root)`")
      }
      guard try place.entry(wanted) == nil else { throw Self.occupied(wanted, field: "to") }
      target = wanted
    }
    size += content.count
    guard size <= ApplyPatchTool.mostContent else {
      throw ToolFailure.invalid(
        "The new contents are longer than \(ApplyPatchTool.mostContent >> 20) MiB.", field: "content",
        expected: "several patches")
    }
    try files.requireRoomOnDisk(for: content.count, in: place)
    if path.root == files.profile.places.home { bytesInHome += content.count }
    let step = PatchStep(
      action: action, path: path.text, target: target?.text, passing: SandboxFolder.passingName(),
      old: entry?.identity)
    changes.append(
      PlannedChange(step: step, path: path, target: target, content: content, mode: entry?.mode ?? 0o600))
  }

  /// - Throws: ``ToolFailure``, where all of it together would make the home larger than it may be.
  func requireRoomInHome() throws(ToolFailure) {
    guard let change = changes.first(where: { $0.path.root == files.profile.places.home }) else { return }
    try files.requireRoomInHome(for: bytesInHome, at: change.path)
  }

  private mutating func claim(_ path: SandboxPath, field: String) throws(ToolFailure) {
    guard paths.insert(path).inserted else {
      throw .invalid("`\(path.text)` is named twice.", field: field, expected: "each path once")
    }
  }

  private static func requireFile(_ entry: FolderEntry?, _ path: SandboxPath) throws(ToolFailure) {
    guard let entry else { throw ToolFiles.missing(path) }
    guard entry.kind == .file else {
      throw ToolFailure(
        .executionError, "`\(path.text)` is no plain file.", field: "path", expected: "a plain file")
    }
  }

  private static func occupied(_ path: SandboxPath, field: String) -> ToolFailure {
    ToolFailure(
      .executionError, "There is something at `\(path.text)`.", field: field,
      expected: "a path where nothing is")
  }
}
