import Foundation
import Testing

@testable import Sandbox

@Suite("A patch of several files")
struct PatchToolTests {
  private static let before = ["a": "old a\n", "b": "old b\n", "c": "old c\n", "d/e": "old e\n"]

  private static let changes: ToolValue = [
    ["action": "update", "path": "a", "content": "new a\n"],
    ["action": "create", "path": "n/ew", "content": "new\n"],
    ["action": "delete", "path": "c"],
    ["action": "move", "path": "d/e", "to": "d/f"],
    ["action": "update", "path": "b", "old_string": "b", "new_string": "new b"],
  ]

  private func prepared() throws -> ToolGround {
    let ground = try ToolGround()
    for (path, text) in Self.before { try ground.put(text, at: path) }
    return ground
  }

  /// All files with their contents, also hidden ones.
  private func contents(_ ground: ToolGround) throws -> [String: String] {
    var found: [String: String] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: ground.home.path) {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: "\(ground.home.path)/\(path)", isDirectory: &isFolder)
      if !isFolder.boolValue { found[path] = ground.text(path) }
    }
    return found
  }

  private static let whole = ["a": "new a\n", "n/ew": "new\n", "d/f": "old e\n", "b": "old new b\n"]

  @Test("is applied whole, and leaves nothing else behind")
  func whole() async throws {
    let ground = try prepared()
    let result = try await ground.result("sandbox_apply_patch", ["changes": Self.changes])
    #expect(result["changes"]?.elements?.count == 5)
    #expect(try contents(ground) == Self.whole)
    let left = try FileManager.default.contentsOfDirectory(atPath: ground.ground.profile.places.folder.path)
    #expect(!left.contains("patch.json"))
  }

  @Test("is refused whole where one change cannot be made, and says which")
  func refusals() async throws {
    let ground = try prepared()
    symlink("/etc/passwd", "\(ground.home.path)/l")
    let refused: [(ToolValue, String)] = [
      (["action": "create", "path": "b", "content": "x"], "changes[1].path"),
      (["action": "update", "path": "absent", "content": "x"], "changes[1].path"),
      (
        ["action": "update", "path": "b", "old_string": "absent", "new_string": "x"], "changes[1].old_string"
      ),
      (["action": "update", "path": "l", "content": "x"], "changes[1].path"),
      (["action": "delete", "path": "d"], "changes[1].path"),
      (["action": "delete", "path": "../x"], "changes[1].path"),
      (["action": "move", "path": "b", "to": "a"], "changes[1].to"),
      (["action": "move", "path": "b", "to": "c"], "changes[1].to"),
      (["action": "move", "path": "b", "to": "/workspace/shared/b"], "changes[1].to"),
      (["action": "update", "path": "a", "content": "y"], "changes[1].path"),
      (["action": "create", "path": "n"], "changes[1].content"),
      (["action": "other", "path": "n"], "changes[1].action"),
    ]
    for (change, field) in refused {
      let failure = try await ground.failure(
        "sandbox_apply_patch", ["changes": [["action": "update", "path": "a", "content": "x"], change]])
      #expect(failure.field == field)
    }
    unlink("\(ground.home.path)/l")
    #expect(try contents(ground) == Self.before)
  }

  @Test("is taken back where a later change fails while names are exchanged")
  func undone() async throws {
    let ground = try prepared()
    let home = ground.home.path
    // Somebody puts a file where the patch is about to make one.
    let desk = PatchDesk(profile: ground.ground.profile) { point in
      if point == .renamed(3) {
        unlink("\(home)/b")
        mkdir("\(home)/b", 0o700)
      }
    }
    await #expect(throws: (any Error).self) { try await desk.apply(Self.plan(ground)) }
    rmdir("\(home)/b")
    var left = Self.before
    left["b"] = nil
    let found = try contents(ground).filter { !$0.key.hasPrefix(".osaurus-") }
    #expect(found == left)
  }

  @Test(
    "is old or new after a sudden end at any point, as soon as the next one looks",
    arguments: [PatchDesk.Point.journalled] + (0..<5).map { .prepared($0) } + [.ready]
      + (0..<5).map { .renamed($0) } + [.whole] + (0..<5).map { .cleaned($0) })
  func suddenEnds(point: PatchDesk.Point) async throws {
    let ground = try prepared()
    let desk = PatchDesk(profile: ground.ground.profile) { if $0 == point { throw PatchDesk.Stopped() } }
    await #expect(throws: PatchDesk.Stopped.self) { try await desk.apply(Self.plan(ground)) }
    try await ground.tools.recover()
    switch point {
    case .whole, .cleaned: #expect(try contents(ground) == Self.whole)
    default: #expect(try contents(ground) == Self.before)
    }
    // And the next one can be applied.
    _ = try await ground.result(
      "sandbox_apply_patch", ["changes": [["action": "create", "path": "z", "content": "z"]]])
    #expect(ground.text("z") == "z")
  }

  @Test("that was left half done in a workspace is known until that is granted again")
  func outOfReach() async throws {
    let ground = try prepared()
    let folder = ground.ground.folder.appending(path: "project")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    try Data("old".utf8).write(to: folder.appending(path: "f"))
    var granted = ground.ground.profile
    granted.grants = [try WorkspaceGrant(folder: folder.path, isWritable: true)]
    var plan = PatchPlan(files: ToolFiles(profile: granted))
    let changes: ToolValue = [
      "changes": [["action": "update", "path": "/workspace/project/f", "content": "new"]]
    ]
    for change in try ApplyPatchTool().definition.schema.accept(changes).objects("changes") {
      try plan.add(change)
    }
    let desk = PatchDesk(profile: granted) { if $0 == .renamed(0) { throw PatchDesk.Stopped() } }
    let planned = plan.changes
    await #expect(throws: PatchDesk.Stopped.self) { try await desk.apply(planned) }
    let failure = try await ground.failure("sandbox_apply_patch", ["changes": Self.changes])
    #expect(failure.kind == .unavailable)
    #expect(try contents(ground) == Self.before)
    try await PatchDesk(profile: granted).recover()
    #expect(try String(contentsOf: folder.appending(path: "f"), encoding: .utf8) == "old")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["f"])
    _ = try await ground.result("sandbox_apply_patch", ["changes": Self.changes])
  }

  @Test("waits for no other one")
  func turns() async throws {
    let ground = try prepared()
    let turn = try PatchFile(ground.ground.profile.places).turn()
    let failure = try await ground.failure("sandbox_apply_patch", ["changes": Self.changes])
    #expect(failure.kind == .unavailable)
    #expect(try contents(ground) == Self.before)
    withExtendedLifetime(turn) {}
  }

  private static func plan(_ ground: ToolGround) throws -> [PlannedChange] {
    var plan = PatchPlan(files: ToolFiles(profile: ground.ground.profile))
    let schema = ApplyPatchTool().definition.schema
    for change in try schema.accept(["changes": changes]).objects("changes") { try plan.add(change) }
    return plan.changes
  }
}
