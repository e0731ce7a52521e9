import CQRCode

#if canImport(Glibc)
  import Glibc
#endif

/// A text as a QR code on a terminal: two modules a character, in half blocks.
///
/// Black and white are named as such, not left to the terminal, so that the code is dark on light whatever the terminal's
/// colours are: many scanners cannot read the opposite.
struct QRCode {
  /// The light margin that ISO/IEC 18004 asks for, in modules. At the sides of a narrow terminal it may be a single one,
  /// with which scanners in practice do.
  private static let (margin, leastMargin) = (4, 1)

  /// The number of modules on a side.
  let width: Int
  private let modules: [Bool]

  /// - Returns: nil for a text that no code has room for.
  init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard let code = QRcode_encodeData(Int32(bytes.count), bytes, 0, QR_ECLEVEL_L) else { return nil }
    defer { QRcode_free(code) }
    width = Int(code.pointee.width)
    // Of each byte, the lowest bit says whether the module is dark.
    modules = (0..<width * width).map { code.pointee.data[$0] & 1 == 1 }
  }

  /// How wide a terminal has to be.
  var leastColumns: Int { width + 2 * Self.leastMargin }

  /// The lines to print, each with its own colours; nil where the terminal is too narrow.
  func lines(columns: Int) -> [String]? {
    let room = (columns - width) / 2
    guard room >= Self.leastMargin else { return nil }
    let side = min(Self.margin, room)
    return stride(from: -Self.margin, to: width + Self.margin, by: 2).map { row in
      let blocks = (-side..<width + side).map { column in
        switch (isDark(column, row), isDark(column, row + 1)) {
        case (true, true): "█"
        case (true, false): "▀"
        case (false, true): "▄"
        case (false, false): " "
        }
      }
      // 16 and 231 of the 256 colours are black and white, which no theme changes.
      return "\u{1b}[38;5;16;48;5;231m" + blocks.joined() + "\u{1b}[0m"
    }
  }

  /// Whether a module is dark; outside of the code none is.
  private func isDark(_ column: Int, _ row: Int) -> Bool {
    guard 0..<width ~= column, 0..<width ~= row else { return false }
    return modules[row * width + column]
  }
}
