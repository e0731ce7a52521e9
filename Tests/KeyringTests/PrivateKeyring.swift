import Foundation
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#endif

/// A session bus and a real keyring (gnome-keyring) of a test's own, in folders that go with it. It changes the
/// environment of its process, so it belongs into a process of the test's own: an exit test.
final class PrivateKeyring {
  private static let password = "correct horse"

  private let folder: URL
  private var bus: Companion?
  private var daemon: Companion?

  /// Prepares an environment in which there is no bus yet.
  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "osr-\(UUID().uuidString.prefix(8))")
    for name in ["home", "run", "services"] { try PrivateFile.makeFolder(folder.appending(path: name)) }
    setenv("HOME", folder.appending(path: "home").path, 1)
    setenv("XDG_RUNTIME_DIR", folder.appending(path: "run").path, 1)
    for name in ["DBUS_SESSION_BUS_ADDRESS", "XDG_DATA_HOME", "DISPLAY", "WAYLAND_DISPLAY", "SECRET_BACKEND"]
    {
      unsetenv(name)
    }
  }

  deinit {
    daemon?.end()
    bus?.end()
    try? FileManager.default.removeItem(at: folder)
  }

  private var promptMark: URL { folder.appending(path: "prompted") }

  /// Whether anything asked the desktop to show a prompt.
  var wasPrompted: Bool { FileManager.default.fileExists(atPath: promptMark.path) }

  /// Starts a bus that starts nothing by itself but a stand-in for the desktop's prompt, which leaves a mark.
  func startBus() throws {
    let prompter = """
      [D-BUS Service]
      Name=org.gnome.keyring.SystemPrompter
      Exec=/usr/bin/touch \(promptMark.path)
      """
    try Data(prompter.utf8).write(to: folder.appending(path: "services/prompter.service"))
    let address = "unix:path=\(folder.appending(path: "run/bus").path)"
    let configuration = """
      <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
        "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
      <busconfig>
        <type>session</type>
        <listen>\(address)</listen>
        <servicedir>\(folder.appending(path: "services").path)</servicedir>
        <policy context="default">
          <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
        </policy>
      </busconfig>
      """
    let file = folder.appending(path: "bus.conf")
    try Data(configuration.utf8).write(to: file)
    let bus = try Companion(
      ["dbus-daemon", "--nofork", "--print-address=1", "--config-file=\(file.path)"], input: "")
    // The address appears when the bus listens.
    _ = try bus.line()
    self.bus = bus
    setenv("DBUS_SESSION_BUS_ADDRESS", address, 1)
  }

  /// Starts the keyring, as after a log-in with a password (unlocked) or without one.
  func startDaemon(unlocked: Bool = true) throws {
    daemon = try Companion(
      ["gnome-keyring-daemon", "--foreground", "--components=secrets"] + (unlocked ? ["--unlock"] : []),
      input: Self.password)
    let waiting = Process()
    waiting.executableURL = URL(filePath: "/usr/bin/env")
    waiting.arguments = ["gdbus", "wait", "--session", "--timeout", "20", "org.freedesktop.secrets"]
    try waiting.run()
    waiting.waitUntilExit()
    try #require(waiting.terminationStatus == 0, "the keyring did not start")
  }

  /// Ends the keyring without a chance to write anything down.
  func killDaemon() {
    daemon?.end()
    daemon = nil
  }

  /// Runs `call` and kills the keyring once it was asked, so that the question stays without an answer.
  func killWhileAsked(_ call: @escaping @Sendable () throws -> Void) async throws {
    // Whichever comes first: whether libsecret looks at the keyring before it asks depends on when it hears of it.
    let questions = ["org.freedesktop.Secret.Service", "org.freedesktop.DBus.Properties"]
    let watcher = try Companion(
      ["dbus-monitor", "--session"] + questions.map { "interface='\($0)',type='method_call'" }, input: "")
    // It loses its name when it begins to watch; what was said before that is not seen.
    while !(try watcher.line().contains("member=NameLost")) {}
    suspendDaemon()
    async let answer: Void = call()
    while !(try watcher.line().hasPrefix("method call")) {}
    killDaemon()
    defer { watcher.end() }
    try await answer
  }

  /// Makes the keyring, or the bus, stop answering, and answer again.
  func suspendDaemon() { daemon?.signal(SIGSTOP) }
  func resumeDaemon() { daemon?.signal(SIGCONT) }
  func suspendBus() { bus?.signal(SIGSTOP) }
  func resumeBus() { bus?.signal(SIGCONT) }
}

/// A program that runs beside the test, and is killed when the test lets go of it, also by dying.
private final class Companion {
  private static let script = """
    printf %s "$1" | { shift; exec sh -c 'echo $$; exec "$@" 2>/dev/null' sh "$@"; } &
    child=$!; read -r line; kill -KILL $child; wait $child 2>/dev/null
    """

  private let process = Process()
  private let lifeline = Pipe()
  private let output = Pipe()
  private var identifier: pid_t = 0

  init(_ command: [String], input: String) throws {
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", Self.script, "sh", input] + command
    process.standardInput = lifeline
    process.standardOutput = output
    // Threads of a pool block every signal, and a shell that inherits that waits for its children for ever.
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try process.run()
    identifier = try #require(pid_t(try line()))
  }

  /// The next line that it prints.
  struct Ended: Error {}

  /// What it says next. Signals that threads of a pool get meanwhile make no difference.
  /// - Throws: ``Ended`` when it says no more.
  func line() throws -> String {
    var line: [UInt8] = []
    while true {
      var byte: UInt8 = 0
      let count = read(output.fileHandleForReading.fileDescriptor, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { throw Ended() }
      if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
  }

  func signal(_ signal: Int32) { kill(identifier, signal) }

  func end() {
    try? lifeline.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
