import Foundation
import Testing

@testable import Sandbox

/// What holds for root has to hold for people, who are not, and the other way round: where the tests are run by root, as in a
/// container, those of the isolation and of the bridge are run once more by a user that nobody has heard of, in a folder of its own.
@Suite(
  "A sandbox of an ordinary user", .serialized, .timeLimit(.minutes(10)),
  .enabled(if: geteuid() == 0, "whoever runs these tests is one"))
struct OrdinaryUserTests {
  private static let suites = [
    "EscapeTests", "IsolationTests", "EgressProxyTests", "EgressCommandTests", "CommandSessionTests",
    "ControlGroupTests", "EnvironmentTests", "HomeLimitTests", "RealProgramTests", "RootImageTests",
    "SuddenEndTests",
    "BridgeInSandboxTests", "SandboxCommandTests",
  ]

  @Test("is as shut as one of root's, and leaves nothing behind")
  func everything() async throws {
    let user = try OrdinaryUser()
    let (status, said) = try await user.run(Self.suites)
    let lines = said.split(separator: "\n")
    let faults = lines.filter { $0.hasPrefix("✘") }.suffix(20)
    #expect(status == 0, "\(faults.isEmpty ? lines.suffix(20) : faults)")
    // The whole list of attempts was tried, with and without the layers.
    #expect(said.contains("Test \"are all shut\" with \(EscapeAttempt.all.count) test cases passed"))
    #expect(said.contains("attempts are known to tell\" with \(EscapeAttempt.all.count) test cases passed"))
    #expect(said.contains("Suite \"The bridge from inside a sandbox\" passed"))
    #expect(said.contains("Suite \"The sandbox commands\" passed"))
    // What was killed takes a moment to be gone.
    try await eventually { try user.leftovers().isEmpty }
    #expect(try user.leftovers() == [])
  }
}

/// A user without an account, with a folder that holds a home, a place for temporary files, and the built programs.
private final class OrdinaryUser {
  private let folder: String
  private let number: uid_t
  /// A part of the tree of control groups that is this user's, where there is a tree.
  private let group: String?

  init() throws {
    number = try #require((47_100..<47_200).first { getpwuid($0) == nil && Self.processes(of: $0).isEmpty })
    // Not the folder for temporary files, into which nobody else may see; and short, for the names of sockets.
    folder = "/tmp/osr-user-\(UUID().uuidString.prefix(8))"
    group = Self.makeGroup(for: number)
    let files = FileManager.default
    for (place, mode) in [("", 0o755), ("/programs", 0o755), ("/home", 0o700), ("/tmp", 0o700)] {
      let path = folder + place
      try files.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: mode])
      if mode == 0o700 { try #require(chown(path, number, number) == 0) }
    }
  }

  deinit {
    for process in Self.processes(of: number) { kill(process, SIGKILL) }
    try? FileManager.default.removeItem(atPath: folder)
    if let group {
      rmdir("\(group)/tests")
      rmdir(group)
    }
  }

  /// Runs these tests with the programs that run now.
  func run(_ suites: [String]) async throws -> (status: Int32, said: String) {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let log = folder + "/log"
    let programs = URL(filePath: own).deletingLastPathComponent().path
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/unshare")
    // The folder of the build is seen under a name that this user can reach, in a mount namespace that goes with the process.
    process.arguments = [
      "--mount", "--propagation", "private", "/bin/bash", "-euc",
      """
      mount --bind "$1" "$2/programs"
      [[ -z $3 ]] || echo $$ >"$3/tests/cgroup.procs"
      cd "$2/home"
      exec setpriv --reuid "$4" --regid "$4" --clear-groups --reset-env \\
        env HOME="$2/home" TMPDIR="$2/tmp" OSAURUS_TEST_GROUPS="$3" PATH=/usr/local/bin:/usr/bin:/bin \\
        timeout -k 10 480 "$2/programs/$5" --testing-library swift-testing --no-parallel --filter "$6" \\
        </dev/null >"$2/log" 2>&1
      """,
      "user", programs, folder, group ?? "", "\(number)", URL(filePath: own).lastPathComponent,
      suites.map { "[.]\($0)(/|$)" }.joined(separator: "|"),
    ]
    try Data().write(to: URL(filePath: log))
    try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Void, any Error>) in
      process.terminationHandler = { _ in ended.resume() }
      do { try process.run() } catch { ended.resume(throwing: error) }
    }
    return (
      process.terminationStatus, String(decoding: try Data(contentsOf: URL(filePath: log)), as: UTF8.self)
    )
  }

  /// What is there that was not before.
  func leftovers() throws -> [String] {
    let files = try ["/tmp", "/home"].flatMap { place in
      try FileManager.default.contentsOfDirectory(atPath: folder + place).map { folder + place + "/" + $0 }
    }
    let groups = group.map { (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? [] } ?? []
    return files
      + Self.processes(of: number).map { process in
        let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
        return "process \(process): \(String(decoding: words, as: UTF8.self))"
      }
      + groups.filter { $0.hasPrefix("osaurus-") }
  }

  private static func processes(of user: uid_t) -> [pid_t] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }.filter {
      var status = stat()
      guard lstat("/proc/\($0)", &status) == 0, status.st_uid == user else { return false }
      // What is dead, and waits to be taken by whoever is the first process here, has no words.
      return FileManager.default.contents(atPath: "/proc/\($0)/cmdline")?.isEmpty == false
    }
  }

  /// As systemd gives one to a user: the group is the user's, and what runs is in one below it.
  private static func makeGroup(for user: uid_t) -> String? {
    guard let tree = TestGroup.tree else { return nil }
    let group = "\(tree)/osaurus-user-\(UUID().uuidString)"
    guard mkdir(group, 0o755) == 0 else { return nil }
    guard mkdir("\(group)/tests", 0o755) == 0 else {
      rmdir(group)
      return nil
    }
    for place in [group, "\(group)/tests"] {
      for file in ["", "/cgroup.procs", "/cgroup.subtree_control"] { chown(place + file, user, user) }
    }
    return group
  }
}
