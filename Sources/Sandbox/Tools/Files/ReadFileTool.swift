import Glibc

/// `sandbox_read_file`: a part of a text, or what is in a folder.
struct ReadFileTool: SandboxTool {
  let definition = ToolDefinition(
    "sandbox_read_file", "Read a text file of the sandbox, or list a folder.", isReadOnly: true,
    [
      .init("path", .text(longest: 4096), "The file or folder.", isRequired: true),
      .init("start_line", .integer(1...(.max)), "The first line, counted from 1."),
      .init("line_count", .integer(1...1_000_000), "How many lines."),
      .init("tail_lines", .integer(1...1_000_000), "Instead: the last lines."),
      .init(
        "max_chars", .integer(1...ToolText.Limit.file), "The most characters.",
        standard: .number(ToolText.Limit.file)),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let path = try bench.files.path(arguments.required("path"))
    let place = try bench.files.place(of: path)
    guard let entry = try place.entry(path) else { throw ToolFiles.missing(path) }
    if entry.kind == .folder {
      return ToolAnswer(try FileListing.value(path, in: place, most: FileListing.standard))
    }
    let file = try place.openPlain(path)
    let piece = try FilePiece(file, fromEnd: arguments.number("tail_lines") != nil, at: bench)
    guard !piece.isBinary else {
      throw ToolFailure(
        .executionError, "`\(path.text)` is no text: \(piece.size) bytes with NUL in them.", field: "path",
        expected: "a text file")
    }
    let (text, leavesOut) = try Self.lines(of: piece, arguments)
    let most = arguments.number("max_chars") ?? ToolText.Limit.file
    let capped = ToolText.capped(text, at: most, hint: "use start_line and line_count to read the rest")
    return ToolAnswer(
      .members([
        "kind": "file", "path": .string(path.text), "content": .string(capped.text),
        "size": .number(piece.size), "truncated": capped.isCut || leavesOut ? true : nil,
      ]), warnings: piece.isText ? [] : ["The file is not UTF-8; other bytes are shown as U+FFFD."])
  }

  private static func lines(of piece: FilePiece, _ arguments: ToolArguments) throws -> (String, Bool) {
    let newline = UInt8(ascii: "\n")
    if let count = arguments.number("tail_lines") {
      var lines = piece.bytes.split(separator: newline, omittingEmptySubsequences: false)
      let endsWithLine = piece.bytes.last == newline
      if endsWithLine { lines.removeLast() }
      let shown = lines.suffix(count).map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
      return (shown + (endsWithLine && !shown.isEmpty ? "\n" : ""), piece.isPart && lines.count < count)
    }
    let first = arguments.number("start_line") ?? 1
    guard first > 1 || arguments.number("line_count") != nil else {
      return (String(decoding: piece.bytes, as: UTF8.self), piece.isPart)
    }
    let lines = piece.bytes.split(separator: newline, omittingEmptySubsequences: false)
    guard first <= lines.count else {
      let reason = piece.isPart ? "the first \(ToolFiles.mostRead >> 20) MiB have" : "the file has"
      throw ToolFailure.invalid(
        "There is no line \(first): \(reason) \(lines.count).", field: "start_line",
        expected: "an integer from 1 to \(lines.count)")
    }
    let wanted = lines[(first - 1)...].prefix(arguments.number("line_count") ?? lines.count)
    let end = first - 1 + wanted.count
    let text = wanted.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    return (text + (end < lines.count ? "\n" : ""), piece.isPart && end == lines.count)
  }
}

/// A bounded part of a file, its beginning or its end, in which no secret is left.
private struct FilePiece {
  /// The longest secret may begin before a part; so much is read more and not shown.
  private static let margin = 2 * AgentSecret.longest

  let bytes: [UInt8]
  let size: Int
  /// Whether there is more than this.
  let isPart: Bool
  let isBinary: Bool
  let isText: Bool

  init(_ file: borrowing Descriptor, fromEnd: Bool, at bench: ToolBench) throws {
    var status = stat()
    guard fstat(file.number, &status) == 0 else {
      throw ToolFailure(.executionError, "The file cannot be read.")
    }
    size = Int(status.st_size)
    let start = fromEnd ? max(0, size - ToolFiles.mostRead) : 0
    var read = [UInt8](repeating: 0, count: min(ToolFiles.mostRead, max(size, 64 << 10)))
    var filled = 0
    while filled < read.count {
      let count = read.withUnsafeMutableBytes {
        pread(file.number, $0.baseAddress! + filled, $0.count - filled, off_t(start + filled))
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw ToolFailure(.executionError, "The file cannot be read.") }
      if count == 0 { break }
      filled += count
    }
    read.removeSubrange(filled...)
    isPart = start > 0 || size > start + filled
    isBinary = read.prefix(8 << 10).contains(0)
    isText = String(validating: read, as: UTF8.self) != nil || isPart
    var shown = bench.scrubbed(read)
    if start > 0 {
      shown.removeFirst(min(Self.margin, shown.count))
      if let line = shown.firstIndex(of: UInt8(ascii: "\n")) { shown.removeSubrange(...line) }
    }
    bytes = shown
  }
}
