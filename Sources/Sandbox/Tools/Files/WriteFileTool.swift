/// `sandbox_write_file`: a whole file, or one text in it replaced.
struct WriteFileTool: SandboxTool {
  let definition = ToolDefinition(
    "sandbox_write_file",
    "Write a file of the sandbox: all of it with content, or one place in it with old_string and new_string.",
    [
      .init("path", .text(longest: 4096), "The file. Folders on the way are made.", isRequired: true),
      .init("content", .text(longest: ToolFiles.mostWritten), "The whole content.", keepsEmpty: true),
      .init("old_string", .text(longest: ToolFiles.mostWritten), "A text that is once in the file."),
      .init("new_string", .text(longest: ToolFiles.mostWritten), "What takes its place.", keepsEmpty: true),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let path = try bench.files.path(arguments.required("path"))
    let content = arguments.text("content")
    let old = arguments.text("old_string")
    guard (content != nil) != (old != nil), old == nil || arguments.text("new_string") != nil else {
      throw ToolFailure.invalid(
        "Give either `content`, or `old_string` and `new_string`.", field: "content",
        expected: "content, or old_string and new_string")
    }
    if let content {
      let place = try bench.files.writablePlace(of: path)
      let bytes = Array(content.utf8)
      try bench.files.requireRoom(for: bytes.count, at: path, in: place)
      try await bench.context.gate.admitWrite(path)
      try place.replace(path, with: bytes)
      return ToolAnswer(["path": .string(path.text), "size": .number(bytes.count)])
    }
    let edit = TextEdit(old: old ?? "", new: arguments.text("new_string") ?? "", isEverywhere: false)
    return try await EditFileTool.edit(path, edit, at: bench)
  }
}
