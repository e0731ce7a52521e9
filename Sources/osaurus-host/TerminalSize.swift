#if canImport(Glibc)
  import Glibc
#endif

extension Terminal {
  /// How large the terminal is to which the program writes, in characters; 80 by 24 where it does not say.
  static var size: (columns: Int, rows: Int) {
    var window = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else {
      return (80, 24)
    }
    return (Int(window.ws_col), Int(window.ws_row))
  }
}
