import ArgumentParser
import Foundation

/// What every command understands.
struct OutputOptions: ParsableArguments {
  @Flag(name: .long, help: "Print JSON instead of text.")
  var json = false
}

/// For commands that change something for good.
struct ConfirmationOptions: ParsableArguments {
  @Flag(name: [.long, .short], help: "Do not ask.")
  var yes = false
}

/// For commands that take the terminal over.
struct ScreenOptions: ParsableArguments {
  @Flag(
    name: .customLong("plain"),
    help: """
      Plain lines, one after the other, for a screen reader or a terminal that cannot place text. ACCESSIBLE=1 in the \
      environment does the same.
      """)
  var wantsPlain = false

  var plain: Bool {
    let wish = ProcessInfo.processInfo.environment["ACCESSIBLE", default: ""].lowercased()
    return wantsPlain || !["", "0", "false", "no"].contains(wish)
  }
}
