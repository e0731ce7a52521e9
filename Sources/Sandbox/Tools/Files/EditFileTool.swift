/// One text in a file and what takes its place.
struct TextEdit: Sendable {
  let old: String
  let new: String
  let isEverywhere: Bool

  /// The text with the change, and how often it was made.
  func applied(to text: String, field: String = "old_string") throws(ToolFailure) -> (
    text: String, count: Int
  ) {
    guard !old.isEmpty else {
      throw .invalid("The text to replace is empty.", field: field, expected: "a text that is in the file")
    }
    // Bytes are compared: two spellings of one character are two texts.
    let bytes = Array(text.utf8)
    let wanted = Array(old.utf8)
    let places = bytes.ranges(of: wanted).map(\.lowerBound)
    guard !places.isEmpty else {
      throw .invalid(
        "The text to replace is not in the file.", field: field,
        expected: "a text that is in the file, byte by byte")
    }
    guard places.count == 1 || isEverywhere else {
      throw .invalid(
        "The text to replace is \(places.count) times in the file.", field: field,
        expected: "a text that is once in the file")
    }
    // Before any of it is made: a short text that is everywhere and a long one in its place are more than any memory.
    let (grown, isTooMuch) = places.count.multipliedReportingOverflow(by: new.utf8.count - wanted.count)
    guard !isTooMuch, bytes.count + grown <= ToolFiles.mostWritten else {
      throw .invalid(
        "The file would be longer than \(ToolFiles.mostWritten >> 20) MiB.", field: "new_string",
        expected: "at most \(ToolFiles.mostWritten) bytes in all")
    }
    var changed: [UInt8] = []
    changed.reserveCapacity(bytes.count + grown)
    var from = 0
    for place in places {
      changed += bytes[from..<place]
      changed += new.utf8
      from = place + wanted.count
    }
    changed += bytes[from...]
    return (String(decoding: changed, as: UTF8.self), places.count)
  }
}

/// `sandbox_edit_file`: a text in a file replaced, once or everywhere.
struct EditFileTool: SandboxTool {
  let definition = ToolDefinition(
    "sandbox_edit_file", "Replace a text in a file of the sandbox.",
    [
      .init("path", .text(longest: 4096), "The file.", isRequired: true),
      .init("old_string", .text(longest: ToolFiles.mostWritten), "The text in the file.", isRequired: true),
      .init(
        "new_string", .text(longest: ToolFiles.mostWritten), "What takes its place.", isRequired: true,
        keepsEmpty: true),
      .init(
        "replace_all", .flag, "Replace it wherever it is; otherwise it has to be there once.", standard: false
      ),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let path = try bench.files.path(arguments.required("path"))
    let edit = TextEdit(
      old: try arguments.required("old_string"), new: try arguments.required("new_string"),
      isEverywhere: arguments.flag("replace_all"))
    return try await Self.edit(path, edit, at: bench)
  }

  static func edit(_ path: SandboxPath, _ edit: TextEdit, at bench: ToolBench) async throws -> ToolAnswer {
    let place = try bench.files.writablePlace(of: path)
    let (text, count) = try edit.applied(to: bench.files.text(path, in: place))
    let bytes = Array(text.utf8)
    try bench.files.requireRoom(for: bytes.count, at: path, in: place)
    try await bench.context.gate.admitWrite(path)
    try place.replace(path, with: bytes)
    let times = count == 1 ? "one place" : "\(count) places"
    return ToolAnswer([
      "path": .string(path.text), "summary": .string("Changed \(times); \(bytes.count) bytes."),
    ])
  }
}
