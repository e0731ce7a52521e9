import Foundation
import Subprocess
import SystemPackage
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Machines on a network of the test's own: network namespaces on a bridge, each with a system bus and avahi-daemon. The
/// bridge remembers nobody's place, so that everybody hears everything.
///
/// All of it lives in namespaces that nothing outside sees, below one process: when that ends, which it does with the
/// test at the latest, everything that was started goes, the network with it.
final class NetworkLab: Sendable {
  /// Only root may make a network. Where everything has to be shown, what cannot be shown fails.
  static let isPossible = geteuid() == 0 || ProcessInfo.processInfo.environment["CI"] == "true"

  struct Failure: Error {
    let reason: String
  }

  /// The first process of the namespaces.
  private let root: pid_t
  private let names: [String]

  /// Runs `body` with machines of these names. Their addresses are 192.168.77.1 and so on.
  /// - Parameter announces: whether they have a system bus and avahi-daemon.
  static func run<R: Sendable>(
    _ names: String..., announces: Bool = true, body: (NetworkLab) async throws -> R
  ) async throws -> R {
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/unshare")
    process.arguments =
      [
        "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/bash", "-c", script,
        "lab",
      ] + names
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    defer {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard said == "ready\n", let root = children(of: process.processIdentifier).first else {
      throw Failure(reason: "the network could not be made: \(said)")
    }
    let lab = NetworkLab(root: root, names: names)
    if announces {
      for name in names { try await lab.startBus(on: name) }
      for name in names { try await lab.startAvahi(on: name) }
    }
    let result = try await body(lab)
    withExtendedLifetime(input) {}
    return result
  }

  private init(root: pid_t, names: [String]) { (self.root, self.names) = (root, names) }

  /// Waits for its input to end, which it does with the test.
  private static let script = """
    set -eu
    mount -t tmpfs tmpfs /run
    ip link set lo up
    ip link add lan type bridge ageing_time 0
    ip link set lan up
    number=0
    for name in "$@"; do
      number=$((number + 1))
      ip netns add "$name"
      ip link add "port$number" type veth peer name eth0 netns "$name"
      ip link set "port$number" master lan up
      ip netns exec "$name" sh -c "ip link set lo up; ip link set lo multicast on
        ip addr add 192.168.77.$number/24 dev eth0; ip link set eth0 up; ip route add default dev eth0"
      mkdir -p "/run/lab/$name/avahi"
      printf '[server]\\nhost-name=%s\\n[publish]\\npublish-workstation=no\\n' "$name" >"/run/lab/$name/avahi.conf"
    done
    echo ready
    read -r _ || true
    """

  private static func children(of process: pid_t) -> [pid_t] {
    let file = "/proc/\(process)/task/\(process)/children"
    guard let handle = FileHandle(forReadingAtPath: file) else { return [] }
    return String(decoding: handle.readDataToEndOfFile(), as: UTF8.self).split(separator: " ").compactMap {
      pid_t($0)
    }
  }

  // MARK: The daemons

  private func startBus(on machine: String) async throws {
    try await shell(
      machine,
      """
      dbus-daemon --config-file=/usr/share/dbus-1/system.conf --address="$DBUS_SYSTEM_BUS_ADDRESS" --fork --nopidfile \
        --nosyslog
      """)
  }

  func startAvahi(on machine: String) async throws {
    try await shell(
      machine,
      """
      mkdir -p /run/avahi-daemon
      mount --bind /run/lab/\(machine)/avahi /run/avahi-daemon
      setsid avahi-daemon --no-drop-root --no-chroot --no-rlimits -f /run/lab/\(machine)/avahi.conf \
        </dev/null >/run/lab/\(machine)/avahi.log 2>&1 &
      echo $! >/run/lab/\(machine)/avahi.pid
      timeout 20 sh -c 'until dbus-send --bus="$DBUS_SYSTEM_BUS_ADDRESS" --print-reply --dest=org.freedesktop.Avahi / \
        org.freedesktop.Avahi.Server.GetState 2>/dev/null | grep -q "int32 2"; do :; done'
      """)
  }

  func killAvahi(on machine: String) async throws {
    try await shell(
      machine, "kill -KILL $(cat /run/lab/\(machine)/avahi.pid); rm -f /run/lab/\(machine)/avahi/*")
  }

  // MARK: Programs

  /// Runs a shell script on a machine; gives what it says.
  @discardableResult
  func shell(_ machine: String, _ script: String) async throws -> String {
    let outcome = try await run(on: machine, ["/bin/sh", "-ec", script])
    guard outcome.status == 0 else { throw Failure(reason: "\(script): \(outcome.errors)") }
    return outcome.output
  }

  /// Starts a shell command on a machine that goes on until the lab ends, or ``stop(_:on:)``.
  func start(_ name: String, on machine: String, _ command: String) async throws {
    try await shell(
      machine,
      "setsid \(command) </dev/null >/run/lab/\(machine)/\(name).log 2>&1 & echo $! >/run/lab/\(machine)/\(name).pid"
    )
  }

  func stop(_ name: String, on machine: String, signal: String = "TERM") async throws {
    try await shell(machine, "kill -\(signal) $(cat /run/lab/\(machine)/\(name).pid)")
  }

  /// Waits until what was started has said something.
  func hear(_ text: String, from name: String, on machine: String) async throws {
    try await shell(
      machine, "timeout 60 sh -c 'until grep -q \"\(text)\" /run/lab/\(machine)/\(name).log; do :; done'")
  }

  func log(_ name: String, on machine: String) async throws -> String {
    try await shell(machine, "cat /run/lab/\(machine)/\(name).log")
  }

  /// Puts a file of the lab's own in the place of one that all its machines read.
  func replace(_ file: String, with other: String) async throws {
    let outcome = try await inside(["mount", "--bind", other, file])
    guard outcome.status == 0 else { throw Failure(reason: "\(file): \(outcome.errors)") }
  }

  /// Runs a program on a machine to its end.
  func run(
    on machine: String, _ arguments: [String], environment: [String: String] = [:], input: String = ""
  ) async throws -> Program.Outcome {
    var variables = environment
    variables["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/run/lab/\(machine)/bus"
    variables["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    return try await inside(
      variables.map { "\($0)=\($1)" } + ["ip", "netns", "exec", machine] + arguments, input: input)
  }

  /// Runs a program in the lab, but on none of its machines.
  private func inside(_ arguments: [String], input: String = "") async throws -> Program.Outcome {
    let all = ["-t", "\(root)", "-m", "-p", "/usr/bin/env"] + arguments
    let result = try await Subprocess.run(
      .path("/usr/bin/nsenter"), arguments: Arguments(all), input: .string(input),
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    guard case .exited(let status) = result.terminationStatus else {
      return Program.Outcome(status: -1, output: result.standardOutput, errors: result.standardError)
    }
    return Program.Outcome(status: status, output: result.standardOutput, errors: result.standardError)
  }
}

/// The program itself on a machine of a lab, in a home of its own.
struct LabProgram: Sendable {
  let lab: NetworkLab
  let machine: String
  let home: String
  /// More of the environment.
  var environment: [String: String] = [:]

  func callAsFunction(_ arguments: String...) async throws -> Program.Outcome { try await self(arguments) }

  func callAsFunction(_ arguments: [String], input: String = "") async throws -> Program.Outcome {
    try await lab.run(
      on: machine, [try Program.executable.string] + arguments, environment: variables, input: input)
  }

  private var variables: [String: String] { Program(home: home, environment: environment).variables() }

  /// What `connect browse` shows, by name.
  func browse(seconds: Int = 3) async throws -> [Seen] {
    let outcome = try await self("connect", "browse", "--json", "--timeout", "\(seconds)")
    guard outcome.status == 0 else { throw NetworkLab.Failure(reason: outcome.errors + outcome.output) }
    return try JSONDecoder().decode([Seen].self, from: Data(outcome.output.utf8))
  }

  /// Looks until what is seen is as it should be.
  func browse(until isRight: ([Seen]) -> Bool) async throws -> [Seen] {
    var seen: [Seen] = []
    for _ in 0..<12 {
      seen = try await browse()
      if isRight(seen) { return seen }
    }
    return seen
  }

  /// Starts the service, and waits until it answers.
  func serve(_ more: String = "--expose --port 4711") async throws {
    let variables = variables.map { "\($0)=\($1)" }.joined(separator: " ")
    try await lab.start(
      "serve", on: machine, "env \(variables) \(try Program.executable.string) serve \(more)")
    for _ in 0..<200 {
      if try await self("status").status == 0 { return }
    }
    throw NetworkLab.Failure(reason: try await lab.log("serve", on: machine))
  }

  /// A row of `connect browse`.
  struct Seen: Decodable, Hashable {
    let name: String
    let id: String
    let description: String?
    let address: String?
    let host: String
    let port: Int
    let url: String
    let secure: Bool
    let peer: String?
  }
}
