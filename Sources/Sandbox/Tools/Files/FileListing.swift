/// What is in a folder, as tools answer it.
enum FileListing {
  static let standard = 200
  static let most = 1000

  static func value(_ path: SandboxPath, in place: borrowing SandboxFolder, most: Int) throws -> ToolValue {
    let (entries, isCut) = try place.list(path, most: most)
    let rows = entries.map { entry in
      ToolValue.members([
        "name": .string(entry.name), "path": .string("\(path.text)/\(entry.name)"),
        "type": .string(entry.kind.rawValue), "size": entry.kind == .file ? .number(entry.size) : nil,
      ])
    }
    return [
      "kind": "listing", "path": .string(path.text), "entries": .array(rows),
      "entry_count": .number(rows.count), "truncated": .bool(isCut),
    ]
  }
}

/// `sandbox_list_files`: what is in a folder.
struct ListFilesTool: SandboxTool {
  let definition = ToolDefinition(
    "sandbox_list_files", "List what is in a folder of the sandbox.", isReadOnly: true,
    [
      .init("path", .text(longest: 4096), "The folder; by default the home.", standard: "."),
      .init(
        "max_entries", .integer(1...FileListing.most), "The most entries.",
        standard: .number(FileListing.standard)),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let path = try bench.files.path(arguments.required("path"))
    let place = try bench.files.place(of: path)
    guard let entry = try place.entry(path) else { throw ToolFiles.missing(path) }
    guard entry.kind == .folder else {
      throw ToolFailure(.executionError, "`\(path.text)` is no folder.", field: "path", expected: "a folder")
    }
    return ToolAnswer(
      try FileListing.value(path, in: place, most: arguments.number("max_entries") ?? FileListing.standard))
  }
}
