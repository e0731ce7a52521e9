#if canImport(Glibc)
  import Glibc
#endif

extension Terminal {
  /// How large the terminal is to which the program writes, in characters; 80 by 24 where it does not say.
  static var size: (columns: Int, rows: Int) {
    guard let window, window.ws_col > 0, window.ws_row > 0 else { return (80, 24) }
    return (Int(window.ws_col), Int(window.ws_row))
  }

  /// How many characters a line of the terminal has; nil where the output is no terminal, or does not tell.
  static var columns: Int? {
    guard let window, window.ws_col > 0 else { return nil }
    return Int(window.ws_col)
  }

  private static var window: winsize? {
    var window = winsize()
    return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0 ? window : nil
  }
}
