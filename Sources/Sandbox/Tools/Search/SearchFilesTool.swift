/// `sandbox_search_files`: lines or names that fit. The search is done by `grep` and `find` inside the sandbox; the pattern is a
/// word of theirs that cannot be an option.
struct SearchFilesTool: SandboxTool {
  static let mostResults = 500
  /// Characters of a line that are shown.
  private static let longestLine = 500

  let definition = ToolDefinition(
    "sandbox_search_files",
    "Search files of the sandbox: for lines that match an extended regular expression, or for names that match a glob.",
    isReadOnly: true,
    [
      .init(
        "pattern", .text(longest: 4096), "The expression, or for target files the glob.", isRequired: true),
      .init("target", .choice(["content", "files"]), "What is searched.", standard: "content"),
      .init("path", .text(longest: 4096), "Where; by default the home.", standard: "."),
      .init("include", .text(longest: 256), "Only files whose names match this glob."),
      .init("context_lines", .integer(0...20), "Lines shown before and after each.", standard: 0),
      .init("case_insensitive", .flag, "Whether case does not matter.", standard: false),
      .init("max_results", .integer(1...mostResults), "The most results.", standard: 100),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let pattern = try arguments.required("pattern")
    guard !pattern.utf8.contains(0), !pattern.utf8.contains(0x0a) else {
      throw ToolFailure.invalid("The pattern has a NUL or a newline.", field: "pattern", expected: "one line")
    }
    let path = try bench.files.path(arguments.required("path"))
    guard let entry = try bench.files.place(of: path).entry(path) else { throw ToolFiles.missing(path) }
    guard entry.kind == .file || entry.kind == .folder else {
      throw ToolFailure(.executionError, "`\(path.text)` is no file and no folder.", field: "path")
    }
    let isContent = arguments.text("target") != "files"
    let most = arguments.number("max_results") ?? 100
    let (matches, isCut, warning) =
      isContent
      ? try await Self.lines(pattern, path, arguments, most, bench)
      : try await Self.names(pattern, path, arguments, most, bench)
    return ToolAnswer(
      .members([
        "pattern": .string(pattern), "target": isContent ? "content" : "files", "path": .string(path.text),
        "matches": .array(matches), "truncated": isCut ? true : nil,
      ]), warnings: warning.map { [$0] } ?? [])
  }

  private static func lines(
    _ pattern: String, _ path: SandboxPath, _ arguments: ToolArguments, _ most: Int, _ bench: ToolBench
  ) async throws -> ([ToolValue], Bool, String?) {
    var words = ["grep", "-r", "-n", "-H", "-I", "-E", "-Z", "-s", "-D", "skip", "-m", "\(most)"]
    if arguments.flag("case_insensitive") { words.append("-i") }
    if let count = arguments.number("context_lines"), count > 0 { words += ["-C", "\(count)"] }
    if let include = arguments.text("include") { words.append("--include=\(include)") }
    words += ["-e", pattern, "--", path.text]
    let look = try await SandboxLook(words, separator: UInt8(ascii: "\n"), at: bench)
    if look.status == 2, look.lines.isEmpty, !look.errors.isEmpty {
      throw ToolFailure.invalid(
        "The pattern is no regular expression: \(look.errors.prefix(200))", field: "pattern",
        expected: "an extended regular expression")
    }
    var matches: [ToolValue] = []
    var characters = 0
    var count = 0
    var isCut = look.isPartial
    for line in look.lines {
      guard let match = SearchMatch(line) else { continue }
      let text = String(match.text.prefix(longestLine))
      characters += text.count + match.path.count + 8
      if !match.isContext { count += 1 }
      guard count <= most, characters <= ToolText.Limit.search else {
        isCut = true
        break
      }
      matches.append(
        .members([
          "path": .string(match.path), "line": .number(match.line), "text": .string(text),
          "context": match.isContext ? true : nil,
        ]))
    }
    return try answer(matches, isCut, look)
  }

  private static func names(
    _ pattern: String, _ path: SandboxPath, _ arguments: ToolArguments, _ most: Int, _ bench: ToolBench
  ) async throws -> ([ToolValue], Bool, String?) {
    let test = arguments.flag("case_insensitive") ? "-iname" : "-name"
    let glob = pattern.contains(where: { "*?[".contains($0) }) ? pattern : "*\(pattern)*"
    var words = ["find", "-P", path.text, "-type", "f", test, glob]
    if let include = arguments.text("include") { words += ["-name", include] }
    let look = try await SandboxLook(words + ["-print0"], separator: 0, at: bench)
    var matches: [ToolValue] = []
    var characters = 0
    for line in look.lines {
      let name = String(decoding: line, as: UTF8.self)
      characters += name.count + 4
      guard matches.count < most, characters <= ToolText.Limit.search else {
        return try answer(matches, true, look)
      }
      matches.append(.string(name))
    }
    return try answer(matches, look.isPartial, look)
  }

  private static func answer(
    _ matches: [ToolValue], _ isCut: Bool, _ look: SandboxLook
  ) throws -> ([ToolValue], Bool, String?) {
    guard look.ranOutOfTime else { return (matches, isCut, nil) }
    guard !matches.isEmpty else {
      throw ToolFailure(
        .timeout, "The search was ended after \(SandboxLook.time.components.seconds) seconds.",
        field: "pattern",
        expected: "a simpler pattern, or a smaller folder")
    }
    return (matches, true, "The search was ended before it was through; there may be more.")
  }
}

/// A line of `grep -nZ`: a path, a NUL, the number of the line, `:` or, for a line around a match, `-`, and the line.
private struct SearchMatch {
  let path: String
  let line: Int
  let text: String
  let isContext: Bool

  init?(_ row: ArraySlice<UInt8>) {
    guard let end = row.firstIndex(of: 0) else { return nil }
    let rest = row[(end + 1)...]
    guard let mark = rest.firstIndex(where: { !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0) }),
      let line = Int(String(decoding: rest[..<mark], as: UTF8.self))
    else { return nil }
    self.line = line
    isContext = rest[mark] == UInt8(ascii: "-")
    path = String(decoding: row[..<end], as: UTF8.self)
    text = String(decoding: rest[(mark + 1)...], as: UTF8.self)
  }
}
