import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// The terminal in the hands of a wizard: the alternate screen, keys as they are pressed, the size as it changes.
/// However the wizard ends, by a signal too, the terminal is put right first and nothing that was shown is left
/// on it or in its scrollback.
///
/// Lines are put in their places and erased one by one, never scrolled and never cleared as a whole: terminals without
/// an alternate screen keep what leaves them in either of these ways.
///
/// A plain screen is for terminals that cannot place text, and for screen readers: lines that follow each other,
/// and the terminal's own line input. What was shown stays there.
final class TerminalScreen {
  /// Ctrl-C, a signal that ends the program, or the end of the input.
  struct Interrupted: Error {}

  private enum Event: Hashable {
    case key(TerminalKeys.Key)
    /// Another size, or the terminal is back after it was somebody else's.
    case changed
  }

  /// In characters.
  struct Size: Hashable {
    var columns = 80
    var rows = 24

    /// The smallest in which a word with its number, and what Enter does, have room.
    static let least = Size(columns: 16, rows: 5)
    var isEnough: Bool { columns >= Self.least.columns && rows >= Self.least.rows }
  }

  let isPlain: Bool
  private var shell = termios()
  private var signals: TerminalSignals?
  private var bytes: [UInt8] = []
  private var keys = TerminalKeys()
  private var isEntered = false
  /// What a plain screen showed above the last question.
  private var said: [String] = []

  /// Whether this terminal can place text.
  static var canPlaceText: Bool {
    let kind = ProcessInfo.processInfo.environment["TERM", default: ""]
    return Terminal.outputIsTerminal && !["", "dumb", "unknown"].contains(kind)
  }

  /// Lends the screen to `body` and takes it back.
  /// - Throws: what `body` throws; ``Interrupted`` comes from the functions below.
  static func lend<R>(plain: Bool, to body: (TerminalScreen) async throws -> R) async throws -> R {
    let screen = TerminalScreen(isPlain: plain || !canPlaceText)
    try screen.start()
    defer { screen.finish() }
    return try await body(screen)
  }

  private init(isPlain: Bool) { self.isPlain = isPlain }

  private func start() throws {
    // The terminal itself stops a program with plain lines.
    signals = TerminalSignals(TerminalSignals.ending.union(isPlain ? [] : [SIGWINCH, SIGTSTP, SIGCONT]))
    if !isPlain { try enter() }
  }

  private func finish() {
    if isEntered { leave() }
    signals = nil
  }

  /// Takes the terminal over.
  private func enter() throws {
    // A job in the background has to wait until it is in the foreground.
    for _ in 0..<100 where tcgetpgrp(STDIN_FILENO) != getpgrp() { TerminalSignals.stop(by: SIGTTOU) }
    guard tcgetpgrp(STDIN_FILENO) == getpgrp(), tcgetattr(STDIN_FILENO, &shell) == 0 else {
      throw Interrupted()
    }
    isEntered = true
    takeOver()
  }

  private func takeOver() {
    var raw = shell
    raw.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
    raw.c_iflag &= ~tcflag_t(ICRNL | INLCR | IXON)
    // The word that the program goes on comes after it has the terminal again: what was typed in between is for it.
    var now = termios()
    let isTaken =
      tcgetattr(STDIN_FILENO, &now) == 0 && now.c_lflag == raw.c_lflag && now.c_iflag == raw.c_iflag
    if !isTaken { tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) }
    write("\u{1b}[?1049h")
  }

  /// Gives the terminal back.
  private func leave() {
    isEntered = false
    // Cleared first: some terminals let one look at the alternate screen afterwards.
    draw([])
    write("\u{1b}[?1049l")
    // What was typed ahead is not for the shell.
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shell)
  }

  // MARK: Showing and asking

  /// Shows text to be read at leisure, in as many pages as the terminal has room for, and returns when the last one
  /// was left. What was typed before it was shown does not leave it.
  ///
  /// - Parameters:
  ///   - next: what Enter does after the last page.
  ///   - text: the lines for a number of columns.
  func present(next: String, _ text: (Int) -> [String]) throws {
    if isPlain {
      _ = try ask("[Enter: \(next)] ", isFresh: true, text)
      return
    }
    try dropTyped()
    var page = 0
    while true {
      let size = size
      var lines = text(size.columns)
      if size.rows < 10 { lines.removeAll(where: \.isEmpty) }
      let last = WrappedText.lines(["Enter: \(next)"], columns: size.columns)
      let room = max(1, size.rows - max(last.count, 2) - (size.rows < 10 ? 0 : 1))
      let count = max(1, (lines.count + room - 1) / room)
      page = min(page, count - 1)
      let isLast = page == count - 1
      let footer =
        isLast
        ? last : WrappedText.lines(["Enter: page \(page + 2) of \(count)"], columns: size.columns)
      let shown = Array(lines.dropFirst(page * room).prefix(room))
      draw(size.isEnough ? shown + (size.rows < 10 ? [] : [""]) + footer : Self.tooSmall)
      switch try event() {
      case .key(.enter) where !size.isEnough: continue
      case .key(.enter) where isLast: return
      case .key(.enter), .key(.character(" ")): page = min(page + 1, count - 1)
      case .key(.backspace): page = max(page - 1, 0)
      default: continue
      }
    }
  }

  /// Asks for one line.
  ///
  /// - Parameters:
  ///   - prompt: what stands before the line.
  ///   - remark: what there is to say about the last answer. It is seen whatever the size.
  ///   - isFresh: whether what was typed before does not count.
  ///   - complete: the line with its last word completed, for Tab; nil where there is nothing to complete.
  ///   - text: the lines above, for a number of columns. A plain screen says the same ones only once.
  func ask(
    _ prompt: String, remark: String = "", isFresh: Bool = false,
    complete: (String) -> String? = { _ in nil },
    _ text: (Int) -> [String]
  ) throws -> String {
    if isFresh { try dropTyped() }
    if isPlain {
      let lines = text(Size().columns)
      if lines != said || isFresh { write(lines.map { $0 + "\n" }.joined()) }
      said = lines
      if !remark.isEmpty { write(remark + "\n") }
      write(prompt)
      return try plainLine()
    }
    var line = ""
    while true {
      if bytes.isEmpty {
        drawQuestion(prompt + line, remark, hint: complete(line).map { $0.dropFirst(line.count) }, text)
      }
      switch try event() {
      case .key(.enter): return line
      case .key(.tab): line = complete(line) ?? line
      case .key(.backspace): if !line.isEmpty { line.removeLast() }
      case .key(.clearLine): line = ""
      case .key(.character(let character)): if line.count < 1024 { line.append(character) }
      case .key(.leave), .key(.suspend), .changed: continue
      }
    }
  }

  private func drawQuestion(_ typed: String, _ remark: String, hint: Substring?, _ text: (Int) -> [String]) {
    let size = size
    guard size.isEnough else { return draw(Self.tooSmall) }
    let input = WrappedText.pieces(typed, columns: size.columns - 1).suffix(size.rows - 2)
    var above = text(size.columns)
    if !remark.isEmpty { above += [""] + WrappedText.lines([remark], columns: size.columns) }
    above.append("")
    if above.count + input.count > size.rows { above.removeAll(where: \.isEmpty) }
    let lines = above.suffix(size.rows - input.count) + input
    let place = (row: lines.count, column: (input.last?.count ?? 0) + 1)
    draw(Array(lines))
    let words = hint.map { "   (Tab: …\($0.trimmingCharacters(in: .whitespaces)))" } ?? ""
    if hint?.isEmpty == false, place.column + words.count <= size.columns { write(Terminal.dim(words)) }
    write("\u{1b}[\(place.row);\(place.column)H")
  }

  private static let tooSmall = [
    "This is too", "small: at least", "\(Size.least.columns) by \(Size.least.rows).",
  ]

  /// The terminal's size now.
  private var size: Size {
    let (columns, rows) = Terminal.size
    return Size(columns: columns, rows: rows)
  }

  /// Puts lines in their places, and nothing in all others.
  private func draw(_ lines: [String]) {
    let size = size
    let rows = (0..<size.rows).map { row in
      "\u{1b}[\(row + 1);1H\u{1b}[2K" + (row < lines.count ? lines[row].prefix(size.columns) : "")
    }
    write(rows.joined() + (lines.isEmpty ? "\u{1b}[H" : ""))
  }

  private func write(_ text: String) {
    var left = Array(text.utf8)[...]
    while !left.isEmpty {
      let count = left.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      left = left.dropFirst(count)
    }
  }

  // MARK: Keys

  /// Waits for a key or for a change of the terminal.
  private func event() throws -> Event {
    while true {
      guard !bytes.isEmpty else {
        if try fill() { return .changed }
        continue
      }
      switch keys.key(bytes.removeFirst()) {
      case .leave: throw Interrupted()
      case .suspend:
        try suspend()
        return .changed
      case let key?: return .key(key)
      case nil: continue
      }
    }
  }

  /// One line of the terminal's own input.
  private func plainLine() throws -> String {
    while true {
      if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: bytes[..<end], as: UTF8.self)
        bytes.removeSubrange(...end)
        return line.trimmingCharacters(in: .whitespacesAndNewlines)
      }
      _ = try fill()
    }
  }

  /// Forgets what was typed up to now, but for the wish to leave.
  private func dropTyped() throws {
    while try fill(patience: 0) || hasInput {}
    if !isPlain, bytes.contains(where: { [3, 4].contains($0) }) { throw Interrupted() }
    bytes = []
    keys = TerminalKeys()
  }

  private var hasInput: Bool {
    var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&waiting, 1, 0) > 0
  }

  /// Waits for input. True when the terminal changed instead.
  private func fill(patience: Int32 = -1) throws -> Bool {
    guard let signals else { return false }
    var waiting = [
      pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
      pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    guard poll(&waiting, 2, patience) > 0 else { return false }
    if waiting[1].revents != 0 {
      while let number = signals.next() { try take(number) }
      return true
    }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = read(STDIN_FILENO, &buffer, buffer.count)
    if count < 0, errno == EINTR { return false }
    guard count > 0 else { throw Interrupted() }
    bytes += buffer[..<count]
    return false
  }

  private func take(_ number: Int32) throws {
    switch number {
    case SIGWINCH: break
    case SIGTSTP: try suspend()
    // Somebody else has stopped the program, and the shell has had the terminal.
    case SIGCONT where tcgetpgrp(STDIN_FILENO) == getpgrp(): takeOver()
    case SIGCONT: try enter()
    default: throw Interrupted()
    }
  }

  /// Gives the terminal back, stops as Ctrl-Z is expected to, and takes it again.
  private func suspend() throws {
    leave()
    TerminalSignals.stop(by: SIGTSTP)
    try enter()
  }
}
