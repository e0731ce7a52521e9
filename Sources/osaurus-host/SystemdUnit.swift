import Foundation
import Keyring

/// The unit file: what runs, and what it may not do.
struct SystemdUnit {
  var name = "osaurus-host.service"
  var description = "osaurus-host, the home of your AI agents"
  /// What the program is told to do.
  var arguments = ["serve"]

  /// Where user units live: `$XDG_CONFIG_HOME/systemd/user`.
  var file: URL {
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
    let words = arguments.map { $0.isPlainWord ? $0 : Self.quoted($0, isCommand: true) }.joined(
      separator: " ")
    let settings = environment.sorted { $0.key < $1.key }
      .map { "Environment=" + Self.quoted("\($0.key)=\($0.value)", isCommand: false) + "\n" }.joined()
    // The path goes to the end of the line; only specifiers mean something in it.
    let credentials = credentials.sorted { $0.key < $1.key }
      .map { "LoadCredentialEncrypted=\($0.key):\($0.value.replacing("%", with: "%%"))\n" }.joined()
    return """
      [Unit]
      Description=\(description)
      After=network.target

      [Service]
      Type=exec
      \(settings)\(credentials)ExecStart=\(command) \(words)
      Restart=on-failure
      RestartSec=2
      TimeoutStopSec=15
      KillMode=mixed
      Delegate=yes
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
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data((text + "\n").utf8).write(to: file, options: .atomic)
  }
}

extension String {
  /// Whether systemd reads it as one word as it is.
  fileprivate var isPlainWord: Bool {
    !isEmpty
      && utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "/"):
          true
        default: false
        }
      }
  }
}
