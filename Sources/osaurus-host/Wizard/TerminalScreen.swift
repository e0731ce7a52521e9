import Dispatch
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// The terminal in the hands of a wizard: the alternate screen, keys as they are pressed, the size as it changes.
/// However the wizard ends, by a signal too, the terminal is put right first and nothing that was shown is left
/// on it or in its scrollback.
///
/// A plain screen is for terminals that cannot place text, and for screen readers: lines that follow each other,
/// and the terminal's own line input. What was shown stays there.
final class TerminalScreen {
  /// Ctrl-C, a signal that ends the program, or the end of the input.
  struct Interrupted: Error {}

  enum Key: Hashable {
    case character(Character)
    case enter, tab, backspace, clearLine
  }

  enum Event: Hashable {
    case key(Key)
    case resized
  }

  /// In characters.
  struct Size: Hashable {
    var columns = 80
    var rows = 24
  }

  private enum Escape { case none, started, sequence }

  let isPlain: Bool
  private var shell = termios()
  private var wake: [Int32] = [-1, -1]
  private var signals: [any DispatchSourceSignal] = []
  private var bytes: [UInt8] = []
  private var escape = Escape.none
  private var isEntered = false

  /// Whether this terminal can place text.
  static var canPlaceText: Bool {
    let kind = ProcessInfo.processInfo.environment["TERM", default: ""]
    return Terminal.outputIsTerminal && !["", "dumb", "unknown"].contains(kind)
  }

  /// Lends the screen to `body` and takes it back.
  /// - Throws: what `body` throws; ``Interrupted`` comes from the functions below.
  static func lend<R>(plain: Bool, to body: (TerminalScreen) async throws -> R) async throws -> R {
    let screen = TerminalScreen(isPlain: plain || !canPlaceText)
    screen.enter()
    defer { screen.leave() }
    return try await body(screen)
  }

  private init(isPlain: Bool) { self.isPlain = isPlain }

  private func enter() {
    // Signals wake whoever waits for a key, through a pipe, and nothing else happens inside of them.
    pipe(&wake)
    for end in wake {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    let writer = wake[1]
    signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH].map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        var byte = UInt8(number)
        Glibc.write(writer, &byte, 1)
      }
      source.resume()
      return source
    }
    tcgetattr(STDIN_FILENO, &shell)
    isEntered = true
    guard !isPlain else { return }
    var raw = shell
    raw.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG | IEXTEN)
    raw.c_iflag &= ~tcflag_t(ICRNL | INLCR | IXON)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw)
    write("\u{1b}[?1049h\u{1b}[H\u{1b}[2J")
  }

  private func leave() {
    guard isEntered else { return }
    isEntered = false
    if !isPlain {
      // Cleared first: some terminals let one look at the alternate screen afterwards.
      write("\u{1b}[H\u{1b}[2J\u{1b}[?1049l")
      // What was typed ahead is not for the shell.
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &shell)
    }
    for source in signals { source.cancel() }
    signals = []
  }

  // MARK: Showing and asking

  /// Shows text to be read at leisure, in as many pages as the terminal has room for, and returns when the last one
  /// was left.
  ///
  /// - Parameters:
  ///   - next: what Enter does after the last page.
  ///   - text: the lines for a number of columns.
  func present(next: String, _ text: (Int) -> [String]) throws {
    if isPlain {
      for line in text(Size().columns) { write(line + "\n") }
      write("\n[Enter: \(next)]\n")
      _ = try plainLine()
      return
    }
    var page = 0
    while true {
      let size = size
      let lines = text(size.columns)
      let footer = WrappedText.lines(["Enter: \(next)"], columns: size.columns)
      let room = max(1, size.rows - footer.count - 2)
      let count = max(1, (lines.count + room - 1) / room)
      page = min(page, count - 1)
      let shown = Array(lines.dropFirst(page * room).prefix(room))
      let isLast = page == count - 1
      draw(shown + [""] + (isLast ? footer : ["Enter: page \(page + 2) of \(count)"]))
      switch try event() {
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
  ///   - complete: the line with its last word completed, for Tab; nil where there is nothing to complete.
  ///   - text: the lines above, for a number of columns.
  func ask(
    _ prompt: String, complete: (String) -> String? = { _ in nil }, _ text: (Int) -> [String]
  ) throws -> String {
    if isPlain {
      for line in text(Size().columns) { write(line + "\n") }
      write(prompt)
      return try plainLine()
    }
    var line = ""
    while true {
      if bytes.isEmpty {
        let size = size
        let completed = complete(line).map { $0.dropFirst(line.count) } ?? ""
        let hint = completed.isEmpty ? "" : "   (Tab: …\(completed.trimmingCharacters(in: .whitespaces)))"
        let input = WrappedText.pieces(prompt + line, columns: size.columns)
        let above = text(size.columns).prefix(max(0, size.rows - input.count - 2))
        var last = input.last ?? ""
        // The cursor stays behind what was typed.
        if last.count + hint.count < size.columns, !hint.isEmpty {
          last += "\u{1b}7" + Terminal.dim(hint) + "\u{1b}8"
        }
        draw(above + [""] + input.dropLast() + [last])
      }
      switch try event() {
      case .key(.enter): return line
      case .key(.tab): line = complete(line) ?? line
      case .key(.backspace): if !line.isEmpty { line.removeLast() }
      case .key(.clearLine): line = ""
      case .key(.character(let character)): if line.count < 1024 { line.append(character) }
      case .resized: continue
      }
    }
  }

  /// The terminal's size now.
  var size: Size {
    var window = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else {
      return Size()
    }
    return Size(columns: Int(window.ws_col), rows: Int(window.ws_row))
  }

  private func draw(_ lines: [String]) {
    write("\u{1b}[H\u{1b}[2J" + lines.joined(separator: "\n"))
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

  /// Waits for a key or for a new size.
  private func event() throws -> Event {
    while true {
      guard !bytes.isEmpty else {
        if try fill() { return .resized }
        continue
      }
      if let key = try key(bytes.removeFirst()) { return .key(key) }
    }
  }

  private func key(_ byte: UInt8) throws -> Key? {
    // Ctrl-C and Ctrl-D, also within a sequence that was cut off.
    if byte == 3 || byte == 4 { throw Interrupted() }
    switch escape {
    case .started:
      escape = byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O") ? .sequence : .none
      return nil
    case .sequence:
      if (0x40...0x7e).contains(byte) { escape = .none }
      return nil
    case .none: break
    }
    switch byte {
    case 27: escape = .started
    case 10, 13: return .enter
    case 9: return .tab
    case 8, 127: return .backspace
    case 21: return .clearLine
    case 32..<127: return .character(Character(Unicode.Scalar(byte)))
    default: break
    }
    return nil
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

  /// Waits for input. True when it was a new size that came.
  private func fill() throws -> Bool {
    var waiting = [
      pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
      pollfd(fd: wake[0], events: Int16(POLLIN), revents: 0),
    ]
    guard poll(&waiting, 2, -1) > 0 else { return false }
    if waiting[1].revents != 0 {
      var number: UInt8 = 0
      while read(wake[0], &number, 1) == 1 {
        guard Int32(number) == SIGWINCH else { throw Interrupted() }
      }
      return true
    }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = read(STDIN_FILENO, &buffer, buffer.count)
    if count < 0, errno == EINTR { return false }
    guard count > 0 else { throw Interrupted() }
    bytes += buffer[..<count]
    return false
  }
}
