import Foundation
import SecretMemory

#if canImport(Glibc)
  import Glibc
#endif

/// The terminal that controls this process, wherever its input and output go.
final class ControllingTerminal {
  private static let path = "/dev/tty"
  /// The longest line, in bytes.
  private static let limit = 4096
  private let descriptor: Int32

  /// Opens it; nil where there is none.
  init?() {
    descriptor = open(Self.path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
  }

  deinit { close(descriptor) }

  /// Asks for one line, which is not shown. Ctrl-C and Ctrl-D end it.
  /// - Throws: ``KeyringError/notAnswered``.
  func readSecret(prompt: String) throws(KeyringError) -> SecretBytes {
    var shown = termios()
    guard tcgetattr(descriptor, &shown) == 0 else { throw .nobodyToAsk }
    var hidden = shown
    // Ctrl-C comes as a character, so that the terminal is put right before anything ends.
    hidden.c_lflag &= ~tcflag_t(ECHO | ISIG)
    hidden.c_lflag |= tcflag_t(ICANON)
    withUnsafeMutableBytes(of: &hidden.c_cc) { $0[Int(VEOL)] = 3 }
    // First hidden, then asked: an answer that was typed ahead would be shown.
    tcsetattr(descriptor, TCSAFLUSH, &hidden)
    say(prompt)
    defer {
      say("\n")
      tcsetattr(descriptor, TCSAFLUSH, &shown)
    }
    var line: [UInt8] = []
    line.reserveCapacity(Self.limit)  // so that no copy of it is left behind
    defer { wipe(&line) }
    while line.count < Self.limit {
      var byte: UInt8 = 0
      let count = read(descriptor, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1, byte != UInt8(ascii: "\n") else { break }
      if byte == 3 { throw .notAnswered }
      line.append(byte)
    }
    guard !line.isEmpty else { throw .notAnswered }
    return SecretBytes(taking: &line)
  }

  private func say(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(descriptor, bytes, bytes.count)
  }
}
