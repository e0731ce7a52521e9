import CFolderUsage
import Foundation
import Testing

@testable import Sandbox

@Suite("The home of an agent", .timeLimit(.minutes(10)))
struct HomeLimitTests {
  /// Writes a few files of a megabyte each.
  private static func fill(_ folder: URL, megabytes: Int) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for number in 0..<megabytes {
      try Data(count: 1 << 20).write(to: folder.appending(path: "full-\(number)"))
    }
  }

  private static func limited(to megabytes: UInt64) throws -> Ground {
    let ground = try Ground()
    ground.profile.limits.home = megabytes << 20
    try ground.profile.places.prepare()
    return ground
  }

  @Test("does not grow beyond its limit, in one file or in many small ones")
  func growth() async throws {
    for script in [
      "dd if=/dev/zero of=large bs=1M count=4000 2>/dev/null; sleep 100",
      "mkdir deep; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); echo x > deep/$i; done; sleep 100",
    ] {
      let ground = try Self.limited(to: 20)
      let result = try await ground.shell(script) { $0.timeLimit = .seconds(200) }
      #expect(result.cause == .home)
      #expect(result.ending == .signalled(number: 9))
    }
  }

  @Test("that is below its limit is left alone, whatever is elsewhere")
  func below() async throws {
    let ground = try Self.limited(to: 20)
    let result = try await ground.shell(
      "dd if=/dev/zero of=part bs=1M count=10; dd if=/dev/zero of=/tmp/more bs=1M count=40; dd if=/dev/zero of=/workspace/shared/more bs=1M count=30; sleep 0.5"
    )
    #expect(result.cause == .itself && result.status == 0)
  }

  @Test("that is too large already can be emptied, and not filled further")
  func over() async throws {
    let ground = try Self.limited(to: 8)
    try Self.fill(ground.home, megabytes: 24)
    // Long enough to be counted more than once.
    let look = try await ground.shell("sleep 0.3; ls | wc -l; rm full-1; sleep 0.3; ls | wc -l")
    #expect(look.cause == .itself)
    #expect(look.standardOutput.text == "24\n23\n")
    let more = try await ground.shell(
      "sleep 0.3; dd if=/dev/zero of=more bs=1M count=30 2>/dev/null; sleep 100"
    ) {
      $0.timeLimit = .seconds(200)
    }
    #expect(more.cause == .home)
    // Nor is what was emptied filled again.
    let again = try await ground.shell(
      "rm more full-2 full-3 full-4 full-5; sleep 0.5; dd if=/dev/zero of=more bs=1M count=4 2>/dev/null; sleep 100"
    ) { $0.timeLimit = .seconds(200) }
    #expect(again.cause == .home)
    let empty = try await ground.shell(
      "rm -f full-* more; sleep 0.3; dd if=/dev/zero of=new bs=1M count=4; sleep 0.3")
    #expect(empty.cause == .itself && empty.status == 0)
  }

  @Test("takes no more from tools when it is full, and lets them delete")
  func tools() async throws {
    let ground = try ToolGround(change: { $0.limits.home = 8 << 20 })
    try Self.fill(ground.home, megabytes: 9)
    let changes: ToolValue = [["action": "create", "path": "c", "content": "new"]]
    for (name, arguments) in [
      ("sandbox_write_file", ["path": "a", "content": "new"]),
      ("sandbox_run_script", ["script": "true"]), ("sandbox_apply_patch", ["changes": changes]),
    ] as [(String, ToolValue)] {
      let failure = try await ground.failure(name, arguments)
      #expect(failure.metadata["code"] == "HOME_FULL", "\(name)")
    }
    _ = try await ground.result("sandbox_write_file", ["path": "/workspace/shared/a", "content": "new"])
    _ = try await ground.result("sandbox_delete_file", ["path": "full-1"])
    let removal: ToolValue = [["action": "delete", "path": "full-2"]]
    _ = try await ground.result("sandbox_apply_patch", ["changes": removal])
    _ = try await ground.result("sandbox_write_file", ["path": "a", "content": "new"])
  }

  @Test(
    "is counted as what it takes on the disk, each file once, in folders below folders, and through no link")
  func counting() throws {
    let ground = try Ground()
    let folder = ground.folder.appending(path: "counted")
    try Self.fill(folder.appending(path: "a/b/c"), megabytes: 3)
    let alone = HomeUsage.bytes(in: folder.path)
    #expect((3 << 20)...(3 << 20) + 200_000 ~= alone)
    // A second name, links to what is outside and to itself, and a file with a hole.
    #expect(link(folder.appending(path: "a/b/c/full-0").path, folder.appending(path: "second").path) == 0)
    for (name, target) in [("up", ".."), ("out", "/usr"), ("round", ".")] {
      #expect(symlink(target, folder.appending(path: name).path) == 0)
    }
    let hole = open(folder.appending(path: "hole").path, O_CREAT | O_WRONLY, 0o600)
    #expect(hole >= 0 && ftruncate(hole, 1 << 30) == 0)
    close(hole)
    #expect(alone...alone + 20_000 ~= HomeUsage.bytes(in: folder.path))
    #expect(HomeUsage.bytes(in: folder.appending(path: "absent").path) == 0)
    #expect(HomeUsage.bytes(in: folder.appending(path: "second").path) == 0)
  }

  @Test("is counted a piece at a time where it has very many files")
  func pieces() throws {
    let ground = try Ground()
    let folder = ground.folder.appending(path: "counted")
    try Self.fill(folder, megabytes: 0)
    for number in 0..<2000 { mkdir("\(folder.path)/\(number)", 0o700) }
    let count = try #require(cfu_begin(folder.path))
    defer { cfu_end(count) }
    var steps = 1
    while cfu_go_on(count, 0) == 0 { steps += 1 }
    // Each step is some sixty names at most, and each of these folders two of them.
    #expect(steps > 30)
    #expect(cfu_bytes(count) >= 2000 * UInt64(CFU_BYTES_OF_A_NAME))
    // One that is left in the middle lets go of what it has open.
    let left = try #require(cfu_begin(folder.path))
    _ = cfu_go_on(left, 0)
    cfu_end(left)
  }

  @Test("that goes deeper than is looked, or has what may not be read, is counted without it")
  func depths() throws {
    let ground = try Ground()
    let folder = ground.folder.appending(path: "counted")
    try Self.fill(folder, megabytes: 1)
    var way = open(folder.path, O_RDONLY | O_DIRECTORY)
    for _ in 0..<2 * Int(CFU_DEEPEST) {
      #expect(mkdirat(way, "d", 0o700) == 0)
      let next = openat(way, "d", O_RDONLY | O_DIRECTORY)
      close(way)
      way = next
    }
    close(way)
    #expect((1 << 20)...(4 << 20) ~= HomeUsage.bytes(in: folder.path))
  }
}
