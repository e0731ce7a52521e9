import ArgumentParser
import Foundation

/// `service`: the host as a systemd user unit.
struct ServiceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "service",
    abstract: "Run the host whenever you are logged in, as a systemd user unit.",
    discussion: "Example: osaurus-host service install --now",
    subcommands: [Install.self, Uninstall.self, Show.self])

  struct Install: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write the unit and enable it.",
      discussion: "Example: osaurus-host service install --now")

    @Flag(help: "Start it now, too.") var now = false

    func run() async throws {
      try SystemdUnit.forThisExecutable().install(now: now)
    }
  }

  struct Uninstall: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Stop the unit and remove it. Your data stays.",
      discussion: "Example: osaurus-host service uninstall")

    func run() async throws {
      try SystemdUnit.forThisExecutable().uninstall()
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print the unit without installing it.",
      discussion: "Example: osaurus-host service show")

    func run() { Terminal.say(SystemdUnit.forThisExecutable().text) }
  }
}

extension SystemdUnit {
  /// Writes the unit and enables it.
  /// - Parameter now: whether to start it, too.
  func install(now: Bool) throws {
    try write()
    Terminal.say("Wrote \(file.path).")
    guard Systemctl.isAvailable else {
      Terminal.say("No systemd user manager answers here. Where one does, enable it with:")
      return Terminal.say("  systemctl --user enable --now \(ShellWord.quoted(name))")
    }
    try Systemctl.run("daemon-reload")
    try Systemctl.run(now ? ["enable", "--now", name] : ["enable", name])
    Terminal.say(
      now
        ? "The service runs, and starts at every log-in."
        : "It starts at the next log-in. Start it now with: systemctl --user start \(ShellWord.quoted(name))")
  }

  /// Stops the unit and removes it.
  func uninstall() throws {
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw CommandFailure.notFound("No unit is installed at \(file.path).")
    }
    if Systemctl.isAvailable { try Systemctl.run("disable", "--now", name) }
    try FileManager.default.removeItem(at: file)
    if Systemctl.isAvailable { try Systemctl.run("daemon-reload") }
    Terminal.say("Removed \(file.path).")
  }
}

/// The user's systemd manager.
private enum Systemctl {
  static var isAvailable: Bool {
    (try? status(["--user", "show-environment"], quiet: true)) == 0
  }

  static func run(_ arguments: String...) throws { try run(arguments) }

  static func run(_ arguments: [String]) throws {
    guard try status(["--user"] + arguments, quiet: false) == 0 else {
      throw CommandFailure(
        .failed, "systemctl_failed", "systemctl --user \(arguments.joined(separator: " ")) failed.")
    }
  }

  private static func status(_ arguments: [String], quiet: Bool) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["systemctl"] + arguments
    if quiet {
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
    }
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
