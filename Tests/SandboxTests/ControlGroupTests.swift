import Foundation
import Testing

@testable import Sandbox

/// A group in the tree of control groups, made for one test and gone afterwards.
final class TestGroup {
  let path: String

  /// Where groups of version 2 are.
  static let tree = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].first {
    FileManager.default.fileExists(atPath: "\($0)/cgroup.controllers")
  }
  /// The part of it that is an ordinary user's.
  private static let given = ProcessInfo.processInfo.environment["OSAURUS_TEST_GROUPS"].flatMap {
    $0.isEmpty ? nil : $0
  }

  static let isThere = (try? TestGroup()) != nil
  static let isMissing: Comment = "there is no tree of control groups here in which this user may make one"

  init() throws {
    path = "\(try #require(Self.given ?? Self.tree))/osaurus-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit {
    ControlGroups.write("1", to: "\(path)/cgroup.kill")
    for name in children { rmdir("\(path)/\(name)") }
    rmdir(path)
  }

  var children: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter {
      $0.hasPrefix(ControlGroups.prefix)
    }
  }
}

@Suite("A control group of a sandbox")
struct ControlGroupTests {
  @Test("sets what the controllers that are there can limit, and nothing else")
  func settings() throws {
    var limits = ResourceLimits()
    limits.memory = 1 << 30
    limits.processes = 10
    limits.processors = 1.5
    func text(_ controllers: Set<ControlGroups.Controller>) -> [String] {
      ControlGroups(parent: "/", controllers: controllers).settings(for: limits).map {
        "\($0.file)=\($0.value)"
      }
    }
    #expect(text([]) == [])
    #expect(
      text([.memory, .pids, .cpu]) == [
        "memory.max=1073741824", "memory.swap.max=0", "memory.oom.group=1", "pids.max=12",
        "cpu.max=150000 100000",
      ])
    limits.processors = nil
    #expect(text([.cpu]) == [])
  }

  @Test(
    "holds all that belongs to a command, and is gone with it",
    .enabled(if: TestGroup.isThere, TestGroup.isMissing))
  func membership() async throws {
    let group = try TestGroup()
    let ground = try Ground()
    ground.profile.controlGroups = .success(try ControlGroups(in: group.path))
    let session = try ground.start(["sh", "-c", "setsid sleep 100 & echo ready; sleep 100"])
    try await eventually { session.snapshot().standardOutput.text == "ready\n" }
    let child = try #require(group.children.first)
    // bubblewrap, the first process, the shell and two that sleep.
    #expect(ControlGroups.words(of: "\(group.path)/\(child)/cgroup.procs").count >= 4)
    session.terminate()
    let result = try await session.result()
    try await eventually { group.children.isEmpty }
    #expect(result.layers.first { $0.layer == .limits }?.detail.contains("control group") == true)
  }

  @Test(
    "ends at once what does not end when it is asked", .enabled(if: TestGroup.isThere, TestGroup.isMissing))
  func kill() async throws {
    let group = try TestGroup()
    let child = try ControlGroup(in: ControlGroups(in: group.path), limits: nil)
    let process = try SandboxLauncher.spawn(
      "/bin/sh", ["sh", "-c", "trap '' TERM; setsid sleep 100 & sleep 100"], [0, 1, 2],
      cgroup: child.entry.number)
    try await eventually {
      ControlGroups.words(of: "\(group.path)/\(group.children[0])/cgroup.procs").count == 3
    }
    child.kill()
    var status: Int32 = 0
    #expect(waitpid(process.number, &status, 0) == process.number)
    #expect(status & 0x7f == SIGKILL)
    try await eventually {
      ControlGroups.words(of: "\(group.path)/\(group.children[0])/cgroup.procs").isEmpty
    }
    let ranOut = child.ranOutOfMemory()
    #expect(!ranOut)
  }

  @Test("that somebody left who is gone is taken away", .enabled(if: TestGroup.isThere, TestGroup.isMissing))
  func sweeping() throws {
    let group = try TestGroup()
    let absent = try SandboxLauncher.spawn("/bin/true", ["true"], [0, 1, 2])
    var status: Int32 = 0
    #expect(waitpid(absent.number, &status, 0) == absent.number)
    for owner in [absent.number, getpid()] {
      mkdir("\(group.path)/\(ControlGroups.prefix)\(owner)-1", 0o755)
    }
    _ = try ControlGroups(in: group.path)
    #expect(group.children == ["\(ControlGroups.prefix)\(getpid())-1"])
  }

  @Test("is not made where none was delegated, and the limits say how they are kept then")
  func absent() async throws {
    let ground = try Ground()
    ground.profile.controlGroups = .failure(.notDelegated)
    let limits = try #require(try await ground.run(["true"]).layers.first { $0.layer == .limits })
    #expect(limits.state == .on)
    #expect(limits.detail.contains("Delegate=yes"))
  }
}
