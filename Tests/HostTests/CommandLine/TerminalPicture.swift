/// What a terminal shows for what it gets, as far as this program goes: the visible rows of both screens, and what
/// the ordinary one keeps to scroll back to.
struct TerminalPicture {
  struct Row: Equatable {
    var cells: [Character] = []
    /// Whether the text goes on in the next row because this one was full.
    var goesOn = false
  }

  struct Screen {
    var rows: [Row]
    /// What left the screen at its top. The alternate screen of most terminals keeps nothing.
    var history: [Row] = []
    var row = 0
    var column = 0

    var text: String { TerminalPicture.text(rows) }
  }

  private(set) var columns: Int
  /// Some terminals have no alternate screen, or are told not to use it.
  let hasAlternate: Bool
  private(set) var ordinary: Screen
  private(set) var alternate: Screen
  private(set) var isAlternate = false
  /// What was on the alternate screen whenever it was left.
  private(set) var left: [String] = []
  private var pending: [UInt8] = []
  /// Whatever was not understood.
  private(set) var unknown: [String] = []

  init(columns: Int, rows: Int, hasAlternate: Bool = true) {
    self.columns = columns
    self.hasAlternate = hasAlternate
    ordinary = Screen(rows: Array(repeating: Row(), count: rows))
    alternate = ordinary
  }

  /// What is visible.
  var visible: String { isAlternate ? alternate.text : ordinary.text }

  /// Everything that the ordinary screen shows or can scroll back to.
  var scrollback: String { Self.text(ordinary.history + ordinary.rows) }

  /// What a person has in view: all lines of the ordinary screen, or the alternate one.
  var whole: String { isAlternate ? alternate.text : scrollback }

  mutating func resize(columns: Int, rows: Int) {
    self.columns = columns
    for screen in [\TerminalPicture.ordinary, \.alternate] {
      while self[keyPath: screen].rows.count > rows {
        let row = self[keyPath: screen].rows.removeFirst()
        if screen == \.ordinary { self[keyPath: screen].history.append(row) }
        self[keyPath: screen].row = max(0, self[keyPath: screen].row - 1)
      }
      while self[keyPath: screen].rows.count < rows { self[keyPath: screen].rows.append(Row()) }
      self[keyPath: screen].column = min(self[keyPath: screen].column, columns - 1)
    }
  }

  mutating func take(_ bytes: some Sequence<UInt8>) {
    pending += bytes
    while let used = step() { pending.removeFirst(used) }
  }

  static func text(_ rows: [Row]) -> String {
    var text = ""
    for row in rows {
      let line = String(row.cells)
      text += row.goesOn ? line : String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
    }
    while text.last == "\n" { text.removeLast() }
    return text
  }

  private var screen: Screen {
    get { isAlternate ? alternate : ordinary }
    set { if isAlternate { alternate = newValue } else { ordinary = newValue } }
  }

  /// Takes what comes next. Gives how many bytes that was; nil while some of it is missing.
  private mutating func step() -> Int? {
    guard let byte = pending.first else { return nil }
    switch byte {
    case 0x1b: return escape()
    case 0x0a:
      lineFeed()
      return 1
    case 0x0d:
      screen.column = 0
      return 1
    case 0x08:
      screen.column = max(0, screen.column - 1)
      return 1
    case ..<0x20: return 1
    default: return character(byte)
    }
  }

  private mutating func character(_ byte: UInt8) -> Int? {
    let count = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    guard pending.count >= count else { return nil }
    if screen.column == columns {
      screen.rows[screen.row].goesOn = true
      screen.column = 0
      lineFeed()
    }
    let (row, column) = (screen.row, screen.column)
    while screen.rows[row].cells.count <= column { screen.rows[row].cells.append(" ") }
    screen.rows[row].cells[column] = Character(String(decoding: pending[..<count], as: UTF8.self))
    screen.column += 1
    return count
  }

  private mutating func lineFeed() {
    if screen.row + 1 < screen.rows.count {
      screen.row += 1
    } else {
      screen.history.append(screen.rows.removeFirst())
      screen.rows.append(Row())
    }
  }

  private mutating func escape() -> Int? {
    guard pending.count >= 2 else { return nil }
    guard pending[1] == UInt8(ascii: "[") else {
      unknown.append(String(decoding: pending[..<2], as: UTF8.self))
      return 2
    }
    guard let end = pending.dropFirst(2).firstIndex(where: { (0x40...0x7e).contains($0) }) else { return nil }
    control(String(decoding: pending[2..<end], as: UTF8.self), pending[end])
    return end + 1
  }

  private mutating func control(_ parameters: String, _ letter: UInt8) {
    switch (Character(Unicode.Scalar(letter)), parameters) {
    case ("m", _), ("h", "?2004"), ("l", "?2004"): break
    case ("H", _):
      let place = parameters.split(separator: ";").compactMap { Int($0) }
      screen.row = min(max(1, place.first ?? 1), screen.rows.count) - 1
      screen.column = min(max(1, place.dropFirst().first ?? 1), columns) - 1
    case ("K", "2"): screen.rows[screen.row] = Row()
    case ("h", "?1049"):
      guard hasAlternate, !isAlternate else { return }
      isAlternate = true
      alternate = Screen(rows: Array(repeating: Row(), count: ordinary.rows.count))
    case ("l", "?1049"):
      left.append(screen.text)
      isAlternate = false
    case ("J", _):
      // As a terminal may that keeps what it clears.
      screen.history += screen.rows
      screen.rows = Array(repeating: Row(), count: screen.rows.count)
    default: unknown.append(parameters + String(Character(Unicode.Scalar(letter))))
    }
  }
}
