import CIsolation

/// `sandbox_move_file`: another name for a file or folder.
struct MoveFileTool: SandboxTool {
  let definition = ToolDefinition(
    "sandbox_move_file", "Move or rename a file or folder, within one place of the sandbox.",
    [
      .init("path", .text(longest: 4096), "What to move.", isRequired: true),
      .init("to", .text(longest: 4096), "Its new path. Folders on the way are made.", isRequired: true),
      .init("overwrite", .flag, "Whether a file that is there may be replaced.", standard: false),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let from = try bench.files.path(arguments.required("path"))
    let to = try bench.files.path(arguments.required("to"), field: "to")
    guard from.root == to.root else {
      throw ToolFailure.invalid(
        "`\(from.root)` and `\(to.root)` are different places.", field: "to",
        expected: "a path in `\(from.root)`")
    }
    let place = try bench.files.writablePlace(of: from)
    guard try place.entry(from) != nil else { throw ToolFiles.missing(from) }
    let overwrites = arguments.flag("overwrite")
    if let present = try place.entry(to), !overwrites || present.kind == .folder {
      throw ToolFailure(
        .executionError, "There is something at `\(to.text)`.", field: "to",
        expected: "a path where nothing is" + (present.kind == .folder ? "" : ", or overwrite"))
    }
    try await bench.context.gate.admitWrite(from)
    try await bench.context.gate.admitWrite(to)
    try place.move(from, to, overwrites ? OSR_REPLACE : OSR_KEEP)
    return ToolAnswer(["path": .string(to.text), "summary": .string("Moved from \(from.text).")])
  }
}

extension SandboxFolder {
  /// Renames something. Links are renamed and not followed.
  func move(_ from: SandboxPath, _ to: SandboxPath, _ how: osr_rename_how) throws(SandboxError) {
    try makeParents(of: to)
    let source = try parent(of: from)
    let target = try parent(of: to)
    let error = osr_rename(
      source.folder.number, source.name, target.folder.number, target.name, Int32(how.rawValue))
    guard error == 0 else { throw Self.refusal(to, SystemError(number: error)) }
  }
}
