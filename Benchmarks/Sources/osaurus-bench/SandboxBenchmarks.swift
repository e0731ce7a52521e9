import Foundation
import Sandbox

/// Commands in the sandbox against the same commands outside, and against bubblewrap alone.
enum SandboxBenchmarks {
  static let all = [
    Benchmark("sandbox-start") { try await starts(into: &$0) },
    Benchmark("sandbox-throughput") { try await throughput(into: &$0) },
  ]

  /// Milliseconds that a start may take beyond the same thing outside, and beyond bubblewrap alone.
  private static let most = (bare: 20.0, bubblewrap: 8.0)

  private static func starts(into report: inout Report) async throws {
    let ground = try SandboxGround()
    defer { ground.remove() }
    let bubblewrap = [
      "/usr/bin/bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin",
      "--symlink", "usr/lib",
      "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "/usr/bin/true",
    ]
    var times: (ours: [Double], bubblewrap: [Double], bare: [Double]) = ([], [], [])
    for round in 0..<41 {
      let ours = try await Stopwatch.milliseconds { try await ground.run(["true"]) }
      let alone = try await Stopwatch.milliseconds { try Self.outside(bubblewrap) }
      let bare = try await Stopwatch.milliseconds { try Self.outside(["/usr/bin/true"]) }
      // The first one makes what is kept.
      guard round > 0 else { continue }
      times.ours.append(ours)
      times.bubblewrap.append(alone)
      times.bare.append(bare)
    }
    let ours = SideBySide.median(times.ours)
    for (name, other, most) in [
      ("nothing", SideBySide.median(times.bare), Self.most.bare),
      ("bubblewrap alone", SideBySide.median(times.bubblewrap), Self.most.bubblewrap),
    ] {
      report.measurements.append(
        Measurement(
          name: "'true' in the sandbox, milliseconds more than with \(name)", ours: ours, alternative: other,
          alternativeName: name, unit: "ms", ratio: ours - other, direction: .atMost, floor: most))
    }
  }

  private static func throughput(into report: inout Report) async throws {
    let ground = try SandboxGround()
    defer { ground.remove() }
    let scripts = [
      ("processor", "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done"),
      (
        "files",
        "i=0; while [ $i -lt 40 ]; do head -c 4000000 /dev/zero > f; cat f > g; i=$((i+1)); done; rm f g"
      ),
    ]
    for (name, script) in scripts {
      var times: (ours: [Double], outside: [Double]) = ([], [])
      for _ in 0..<9 {
        // The command's own time, without the start.
        let timed = "cd \"$1\"; s=$(date +%s%N); \(script); e=$(date +%s%N); echo $((e-s))"
        let inside = try await ground.run(["sh", "-c", timed, "sh", "."]).standardOutput.text
        let outside = try Self.outside(["/bin/sh", "-c", timed, "sh", ground.home.path])
        times.ours.append(Double(inside.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .nan)
        times.outside.append(Double(outside.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .nan)
      }
      let (ours, outside) = (SideBySide.median(times.ours), SideBySide.median(times.outside))
      report.measurements.append(
        Measurement(
          name: "\(name) in the sandbox", ours: ours / 1e6, alternative: outside / 1e6,
          alternativeName: "outside",
          unit: "ms", ratio: outside / ours, direction: .atLeast, floor: 0.97))
    }
  }

  private static func outside(_ command: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: command[0])
    process.arguments = Array(command.dropFirst())
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// A sandbox that is gone afterwards.
private struct SandboxGround {
  private let folder: URL
  private let launcher: SandboxLauncher
  var home: URL { launcher.profile.places.homeFolder }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "osaurus-bench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    let places = AgentPlaces(agent: UUID(), in: folder.appending(path: "sandbox"))
    // The program of the first process lies beside the host that is measured.
    let host = ProcessInfo.processInfo.environment["OSAURUS_HOST_PROGRAM"].map { URL(filePath: $0) }
    launcher = try SandboxLauncher(
      profile: SandboxProfile(places: places), programs: host?.deletingLastPathComponent().path)
  }

  func run(_ command: [String]) async throws -> ExecutionResult {
    try await CommandSession(ExecutionRequest(command), with: launcher).result()
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}
