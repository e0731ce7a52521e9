import Foundation
import Keyring

/// The unit file: what runs, and what it may not do.
struct SystemdUnit {
  static let name = "osaurus-host.service"

  /// Where user units live: `$XDG_CONFIG_HOME/systemd/user`.
  static var file: URL {
    let environment = ProcessInfo.processInfo.environment
    let configuration =
      environment["XDG_CONFIG_HOME"].flatMap { $0.hasPrefix("/") ? URL(filePath: $0) : nil }
      ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".config")
    return configuration.appending(path: "systemd/user/\(name)")
  }

  /// What decides where the host lives and whom it asks. A shell knows it, the systemd manager does not.
  private static let carried = ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"]

  let executable: String
  /// The variables that the service is given.
  let environment: [String: String]
  /// The encrypted credentials that systemd decrypts for the service, by name.
  var credentials: [String: String] = [:]

  /// The unit for this program, with the settings of this shell.
  static func forThisExecutable() -> SystemdUnit {
    let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let settings = ProcessInfo.processInfo.environment.filter { name, value in
      !value.isEmpty && (name.hasPrefix("OSAURUS_") || carried.contains(name))
    }
    return SystemdUnit(
      executable: path ?? CommandLine.arguments[0], environment: settings, credentials: credentials())
  }

  /// The credentials that lie beside the settings of this host.
  private static func credentials() -> [String: String] {
    guard let folders = try? OpenHost.folders() else { return [:] }
    return CredentialName.allCases.reduce(into: [:]) { found, name in
      let file = folders.credentialFile(name)
      if (try? PrivateFile.isThere(file)) == true { found[name.rawValue] = file.path }
    }
  }

  /// Text between double quotes as systemd reads it (systemd.syntax(7), systemd.unit(5)).
  private static func quoted(_ text: String, isCommand: Bool) -> String {
    var quoted = ""
    for character in text {
      switch character {
      case "\\", "\"": quoted += "\\\(character)"
      case "%": quoted += "%%"
      case "$" where isCommand: quoted += "$$"
      case "\n": quoted += "\\n"
      default: quoted.append(character)
      }
    }
    return "\"\(quoted)\""
  }

  // No option here may forbid user namespaces: agents' own sandboxes are made of them.
  var text: String {
    let command = Self.quoted(executable, isCommand: true)
    let settings = environment.sorted { $0.key < $1.key }
      .map { "Environment=" + Self.quoted("\($0.key)=\($0.value)", isCommand: false) + "\n" }.joined()
    // The path goes to the end of the line; only specifiers mean something in it.
    let credentials = credentials.sorted { $0.key < $1.key }
      .map { "LoadCredentialEncrypted=\($0.key):\($0.value.replacing("%", with: "%%"))\n" }.joined()
    return """
      [Unit]
      Description=osaurus-host, the home of your AI agents
      After=network.target

      [Service]
      Type=exec
      \(settings)\(credentials)ExecStart=\(command) serve
      Restart=on-failure
      RestartSec=2
      TimeoutStopSec=15
      KillMode=mixed
      UMask=0077
      LimitCORE=0
      NoNewPrivileges=yes
      LockPersonality=yes
      RestrictRealtime=yes
      RestrictSUIDSGID=yes
      SystemCallArchitectures=native
      RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

      [Install]
      WantedBy=default.target
      """
  }

  func write() throws {
    try FileManager.default.createDirectory(
      at: Self.file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data((text + "\n").utf8).write(to: Self.file, options: .atomic)
  }
}
