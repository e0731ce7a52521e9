/// `sandbox_find_files`: files and folders by their names, kind and size.
struct FindFilesTool: SandboxTool {
  let definition = ToolDefinition(
    "sandbox_find_files", "Find files and folders of the sandbox by name, kind and size.", isReadOnly: true,
    [
      .init("name", .text(longest: 256), "A glob that the name matches.", standard: "*"),
      .init("path", .text(longest: 4096), "Where; by default the home.", standard: "."),
      .init("type", .choice(["file", "directory", "any"]), "What is found.", standard: "any"),
      .init("max_depth", .integer(1...64), "How many levels down.", standard: 16),
      .init("min_size", .integer(0...(1 << 50)), "The least bytes of a file."),
      .init("max_results", .integer(1...SearchFilesTool.mostResults), "The most results.", standard: 100),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let path = try bench.files.path(arguments.required("path"))
    guard let entry = try bench.files.place(of: path).entry(path) else { throw ToolFiles.missing(path) }
    guard entry.kind == .folder else {
      throw ToolFailure(.executionError, "`\(path.text)` is no folder.", field: "path", expected: "a folder")
    }
    let name = arguments.text("name") ?? "*"
    guard !name.utf8.contains(0) else {
      throw ToolFailure.invalid("The name has a NUL.", field: "name", expected: "a glob")
    }
    var words = [
      "find", "-P", path.text, "-mindepth", "1", "-maxdepth", "\(arguments.number("max_depth") ?? 16)",
      "-name", name,
    ]
    switch arguments.text("type") {
    case "file": words += ["-type", "f"]
    case "directory": words += ["-type", "d"]
    default: break
    }
    if let size = arguments.number("min_size"), size > 0 {
      words += ["-type", "f", "-size", "+\(size - 1)c"]
    }
    let look = try await SandboxLook(words + ["-printf", "%y %s %p\\0"], separator: 0, at: bench)
    let most = arguments.number("max_results") ?? 100
    var entries: [ToolValue] = []
    var characters = 0
    var isCut = look.isPartial
    for line in look.lines {
      let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let found = String(decoding: parts[2], as: UTF8.self)
      characters += found.count + 24
      guard entries.count < most, characters <= ToolText.Limit.search else {
        isCut = true
        break
      }
      let kind = String(decoding: parts[0], as: UTF8.self)
      entries.append(
        .members([
          "name": .string(String(found.split(separator: "/").last ?? "")), "path": .string(found),
          "type": kind == "f" ? "file" : kind == "d" ? "directory" : kind == "l" ? "symlink" : "other",
          "size": kind == "f" ? Int(String(decoding: parts[1], as: UTF8.self)).map { .number($0) } : nil,
        ]))
    }
    return ToolAnswer(
      [
        "kind": "listing", "path": .string(path.text), "entries": .array(entries),
        "entry_count": .number(entries.count), "truncated": .bool(isCut),
      ],
      warnings: look.ranOutOfTime ? ["The search was ended before it was through; there may be more."] : [])
  }
}
