import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The lines that a person types while the program does something else. Only the terminal's foreground program reads
/// them: one that runs in the background would be stopped for it.
enum TypedLines {
  /// The longest line, in bytes; what is longer is nobody's answer.
  private static let longest = 1024
  /// How soon a program that was brought to the foreground notices, and one that stops listening.
  private static let pause: Int32 = 250

  /// The lines as they come, until the input ends or nobody listens.
  static func stream() -> AsyncStream<String> {
    AsyncStream(bufferingPolicy: .bufferingNewest(16)) { lines in
      let isOver = StopSign()
      lines.onTermination = { _ in isOver.raise() }
      Thread.detachNewThread {
        var line: [UInt8] = []
        while !isOver.isRaised {
          guard let bytes = nextBytes() else { return lines.finish() }
          for byte in bytes {
            if byte == UInt8(ascii: "\n") {
              lines.yield(String(decoding: line, as: UTF8.self))
              line = []
            } else if line.count < longest {
              line.append(byte)
            }
          }
        }
      }
    }
  }

  /// What was typed, if anything, after a pause at the most; nil at the end of the input.
  private static func nextBytes() -> ArraySlice<UInt8>? {
    guard tcgetpgrp(STDIN_FILENO) == getpgrp() else {
      // Somebody else's keys.
      poll(nil, 0, pause)
      return []
    }
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard poll(&input, 1, pause) > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: longest)
    let count = read(STDIN_FILENO, &bytes, bytes.count)
    if count < 0, errno == EINTR || errno == EAGAIN { return [] }
    return count > 0 ? bytes[..<count] : nil
  }

  /// Forgets what was typed and not read yet.
  static func drop() { tcflush(STDIN_FILENO, TCIFLUSH) }
}

/// Says once that it is enough.
private final class StopSign: Sendable {
  private let state = Mutex(false)

  var isRaised: Bool { state.withLock { $0 } }
  func raise() { state.withLock { $0 = true } }
}
