import ArgumentParser
import Foundation

/// `unit`: the relay as a systemd system unit.
struct UnitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unit",
    abstract: "Print a systemd unit that runs the relay with these flags.",
    discussion: """
      Example: osaurus-relay unit --domain relay.example --bind 0.0.0.0 --port 443 \\
                 --certificate /etc/letsencrypt/live/relay.example/fullchain.pem \\
                 --key /etc/letsencrypt/live/relay.example/privkey.pem \\
                 | sudo tee /etc/systemd/system/osaurus-relay.service
               sudo systemctl enable --now osaurus-relay

      It runs as a user that exists only while it runs, and can write nowhere. Files of a certificate that only root may
      read are handed to it by systemd; after a renewal, restart it.
      """)

  @OptionGroup var options: RelayOptions

  func run() throws {
    // What cannot run is not printed.
    _ = try options.settings(environment: [:])
    print(RelayUnit(executable: Self.executable, options: options).text)
  }

  private static var executable: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  }
}

/// The unit file: what runs, and what it may not do.
struct RelayUnit {
  let executable: String
  let options: RelayOptions

  var text: String {
    let command = ([executable] + arguments).map(Self.quoted).joined(separator: " ")
    let credentials = files.map { "LoadCredential=\($0.name):\($0.path.replacing("%", with: "%%"))\n" }
      .joined()
    let capability =
      (1..<1024).contains(options.port ?? 8443)
      ? "AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"
      : "CapabilityBoundingSet=\n"
    return """
      [Unit]
      Description=osaurus-relay, the way to agents that have no address of their own
      After=network-online.target
      Wants=network-online.target

      [Service]
      Type=exec
      \(credentials)ExecStart=\(command)
      Restart=on-failure
      RestartSec=2
      TimeoutStopSec=30
      DynamicUser=yes
      UMask=0077
      LimitCORE=0
      LimitNOFILE=65536
      \(capability)NoNewPrivileges=yes
      LockPersonality=yes
      MemoryDenyWriteExecute=yes
      PrivateDevices=yes
      PrivateTmp=yes
      ProtectClock=yes
      ProtectControlGroups=yes
      ProtectHome=yes
      ProtectHostname=yes
      ProtectKernelLogs=yes
      ProtectKernelModules=yes
      ProtectKernelTunables=yes
      ProtectProc=invisible
      ProtectSystem=strict
      RestrictAddressFamilies=AF_INET AF_INET6
      RestrictNamespaces=yes
      RestrictRealtime=yes
      RestrictSUIDSGID=yes
      SystemCallArchitectures=native
      SystemCallFilter=@system-service

      [Install]
      WantedBy=multi-user.target
      """
  }

  private var files: [(name: String, path: String)] {
    [("certificate", options.certificate), ("key", options.key)].compactMap { name, path in
      path.map { (name, URL(filePath: $0).standardizedFileURL.path) }
    }
  }

  /// The flags of `serve`. The certificate lies where systemd puts it.
  private var arguments: [String] {
    var words = ["serve"]
    func add(_ flag: String, _ values: [String]) { for value in values { words += [flag, value] } }
    add("--domain", [options.domain].compactMap(\.self))
    add("--name", options.names)
    add("--bind", [options.bind].compactMap(\.self))
    add("--port", [options.port].compactMap { $0.map(String.init) })
    if !files.isEmpty {
      add("--certificate", ["${CREDENTIALS_DIRECTORY}/certificate"])
      add("--key", ["${CREDENTIALS_DIRECTORY}/key"])
    }
    add("--trusted-proxy", options.trustedProxies)
    add("--metrics-from", options.metricsReaders)
    add("--agent-form", [options.form].compactMap(\.self))
    add("--public-url", [options.publicURL].compactMap(\.self))
    add("--limit", options.limits)
    return words
  }

  /// A word as systemd reads it (systemd.syntax(7), systemd.service(5)); the credentials' folder is its own to fill in.
  private static func quoted(_ word: String) -> String {
    if word.hasPrefix("${CREDENTIALS_DIRECTORY}/") { return word }
    let isPlain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "-./_:=".utf8.contains(byte)
      }
    }
    if isPlain, !word.isEmpty { return word }
    var quoted = ""
    for character in word {
      switch character {
      case "\\", "\"": quoted += "\\\(character)"
      case "%": quoted += "%%"
      case "$": quoted += "$$"
      case "\n": quoted += "\\n"
      default: quoted.append(character)
      }
    }
    return "\"\(quoted)\""
  }
}
