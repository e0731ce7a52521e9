import Foundation
import SystemPackage
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The program on a terminal of its own, driven by what it shows: nothing here waits for time to pass.
final class PseudoTerminal {
  struct NotShown: Error, CustomStringConvertible {
    let text: String
    let instead: String
    var description: String { "“\(text)” was not shown, but: \(instead)" }
  }

  static let enterAlternate = "\u{1b}[?1049h"
  static let leaveAlternate = "\u{1b}[?1049l"
  static let interrupt = "\u{3}"

  // Linux's TIOCSPTLCK and TIOCGPTN, glibc's POSIX_SPAWN_SETSID: the C library hides them from Swift.
  private static let setLock: UInt = 0x4004_5431
  private static let getNumber: UInt = 0x8004_5430
  private static let newSession: Int32 = 0x80

  let process: pid_t
  private let terminal: Int32
  /// Keeps the terminal there until its settings were looked at.
  private let line: Int32
  private let before: termios
  private var bytes: [UInt8] = []
  private(set) var picture: TerminalPicture
  private var status: Int32?
  private var isClosed = false

  /// Starts a command as the leader of a session that this terminal controls.
  init(
    _ program: Program, _ path: String, _ arguments: [String], columns: Int, rows: Int, kind: String?,
    more: [String: String],
    hasAlternate: Bool
  ) throws {
    picture = TerminalPicture(columns: columns, rows: rows, hasAlternate: hasAlternate)
    terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var isLocked: Int32 = 0
    var number: UInt32 = 0
    try #require(
      ioctl(terminal, Self.setLock, &isLocked) == 0 && ioctl(terminal, Self.getNumber, &number) == 0)
    let name = "/dev/pts/\(number)"
    line = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(line >= 0)
    var window = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    try #require(ioctl(terminal, UInt(TIOCSWINSZ), &window) == 0)
    var settings = termios()
    try #require(tcgetattr(line, &settings) == 0)
    before = settings

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // The first terminal that the leader of a session opens is the one that controls it.
    posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
    posix_spawn_file_actions_adddup2(&actions, 0, 1)
    posix_spawn_file_actions_adddup2(&actions, 0, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(
      &attributes, Int16(Self.newSession | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] =
      program.variables(kind.map { more.merging(["TERM": $0]) { $1 } } ?? more).map {
        strdup("\($0.key)=\($0.value)")
      } + [nil]
    defer { for pointer in words + variables { free(pointer) } }
    var process: pid_t = 0
    try #require(posix_spawn(&process, path, &actions, &attributes, &words, &variables) == 0)
    self.process = process
  }

  deinit {
    if status == nil {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
    close(line)
    if !isClosed { close(terminal) }
  }

  /// Types.
  func type(_ text: String) {
    var left = Array(text.utf8)[...]
    while !left.isEmpty {
      let count = left.withUnsafeBytes { write(terminal, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      left = left.dropFirst(count)
    }
  }

  func enter(_ text: String = "") { type(text + "\r") }

  func resize(columns: Int, rows: Int) {
    var window = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    picture.resize(columns: columns, rows: rows)
    _ = ioctl(terminal, UInt(TIOCSWINSZ), &window)
  }

  /// Closes the terminal, as a window is closed.
  func hangUp() {
    close(terminal)
    isClosed = true
  }

  /// Waits until the screen shows a text, and gives the whole screen. Lines that were broken to fit count as one.
  @discardableResult
  func see(_ text: String) async throws -> String {
    while true {
      let screen = screen
      if Self.flat(screen).contains(Self.flat(text)) { return screen }
      guard await more() else { throw NotShown(text: text, instead: screen) }
    }
  }

  /// Waits until the program has written more.
  func seeMore() async throws {
    guard await more() else { throw NotShown(text: "anything else", instead: screen) }
  }

  /// Waits until the program has ended, and gives its exit status, or the negated number of the signal.
  func end() async throws -> Int32 {
    while true {
      reap()
      if let status {
        while read() {}
        return status
      }
      guard await more() || status != nil else { throw NotShown(text: "an end", instead: screen) }
    }
  }

  /// Whether the terminal is as it was before the program.
  var isRestored: Bool {
    var now = termios()
    guard tcgetattr(line, &now) == 0 else { return false }
    return now.c_lflag == before.c_lflag && now.c_iflag == before.c_iflag && now.c_oflag == before.c_oflag
  }

  /// What the terminal got, as it came.
  var raw: String { String(decoding: bytes, as: UTF8.self) }

  /// Everything that the ordinary screen shows or can scroll back to.
  var normal: String { picture.scrollback }

  /// What is in view, and on the ordinary screen also what it can scroll back to.
  var screen: String { picture.whole }

  static func flat(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// Waits for more of what the program writes. False when it writes no more, or for a minute.
  private func more() async -> Bool {
    for _ in 0..<1200 {
      if isClosed { usleep(50_000) } else if read(waiting: 50) { return true }
      reap()
      if status != nil { return read() }
      await Task.yield()
    }
    return false
  }

  private func reap() {
    var result: Int32 = 0
    guard status == nil, waitpid(process, &result, WNOHANG) == process else { return }
    status = result & 0x7f == 0 ? result >> 8 & 0xff : -(result & 0x7f)
  }

  private func read(waiting milliseconds: Int32 = 0) -> Bool {
    var waiting = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, milliseconds) > 0, waiting.revents & Int16(POLLIN) != 0 else { return false }
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = Glibc.read(terminal, &buffer, buffer.count)
    guard count > 0 else { return false }
    bytes += buffer[..<count]
    picture.take(buffer[..<count])
    return true
  }
}

extension Program {
  /// Runs a command on a terminal.
  func onTerminal(
    _ arguments: String..., columns: Int = 80, rows: Int = 24, kind: String? = "xterm-256color",
    environment: [String: String] = [:], hasAlternate: Bool = true
  ) throws -> PseudoTerminal {
    try PseudoTerminal(
      self, Self.executable.string, arguments, columns: columns, rows: rows, kind: kind, more: environment,
      hasAlternate: hasAlternate)
  }

  /// Runs a shell with job control on a terminal.
  func shellOnTerminal() throws -> PseudoTerminal {
    try PseudoTerminal(
      self, "/bin/sh", ["-i"], columns: 200, rows: 24, kind: "xterm", more: ["PS1": "$ "], hasAlternate: true)
  }
}
