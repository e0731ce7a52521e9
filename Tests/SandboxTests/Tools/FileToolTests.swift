import Foundation
import Synchronization
import Testing

@testable import Sandbox

@Suite("Tools for files")
struct FileToolTests {
  @Test("write, read a part of, edit, move, list and delete what is in the home")
  func files() async throws {
    let ground = try ToolGround()
    let written = try await ground.result(
      "sandbox_write_file", ["path": "a/b.txt", "content": "one\ntwo\nthree\n"])
    #expect(written == ["path": .string("\(ground.place)/a/b.txt"), "size": 14])
    let all = try await ground.result("sandbox_read_file", ["path": "a/b.txt"])
    #expect(
      all == [
        "kind": "file", "path": .string("\(ground.place)/a/b.txt"), "content": "one\ntwo\nthree\n",
        "size": 14,
      ])
    let part = try await ground.result(
      "sandbox_read_file", ["path": "a/b.txt", "start_line": "2", "line_count": 1])
    #expect(part["content"] == "two\n")
    let tail = try await ground.result("sandbox_read_file", ["path": "a/b.txt", "tail_lines": 2])
    #expect(tail["content"] == "two\nthree\n")
    let edited = try await ground.result(
      "sandbox_edit_file", ["path": "a/b.txt", "old_string": "two", "new_string": ""])
    #expect(edited["path"] == .string("\(ground.place)/a/b.txt"))
    #expect(ground.text("a/b.txt") == "one\n\nthree\n")
    _ = try await ground.result("sandbox_move_file", ["path": "a/b.txt", "to": "c/d.txt"])
    let listing = try await ground.result("sandbox_read_file", ["path": "."])
    #expect(listing["kind"] == "listing")
    #expect(listing["entries"]?.elements?.compactMap { $0["name"]?.string } == ["a", "c"])
    #expect(listing["entry_count"] == 2)
    let file = try await ground.result("sandbox_list_files", ["path": "c"])["entries"]?.elements?.first
    #expect(
      file == ["name": "d.txt", "path": .string("\(ground.place)/c/d.txt"), "type": "file", "size": 11])
    _ = try await ground.result("sandbox_delete_file", ["path": "c/d.txt"])
    let full = try await ground.failure("sandbox_read_file", ["path": "c/d.txt"])
    #expect(full.kind == .notFound)
    try ground.put("x", at: "a/deep/er/x")
    #expect(try await ground.failure("sandbox_delete_file", ["path": "a"]).field == "recursive")
    #expect(try await ground.result("sandbox_delete_file", ["path": "a", "recursive": true])["deleted"] == 4)
    #expect(try ground.names() == ["c"])
  }

  @Test(
    "refuse a path with the field and the reason",
    arguments: ["../x", "/etc/passwd", "a;b", "a\u{0}b", "a'\u{301}b"])
  func paths(path: String) async throws {
    let ground = try ToolGround()
    for (tool, others) in [
      ("sandbox_read_file", [:]), ("sandbox_write_file", ["content": "x"]), ("sandbox_delete_file", [:]),
      ("sandbox_list_files", [:]), ("sandbox_find_files", [:]), ("sandbox_search_files", ["pattern": "x"]),
      ("sandbox_move_file", ["to": "y"]), ("sandbox_edit_file", ["old_string": "x", "new_string": "y"]),
    ] as [(String, [String: ToolValue])] {
      let failure = try await ground.failure(tool, .object(others.merging(["path": .string(path)]) { $1 }))
      #expect(failure.kind == .invalidArguments)
      #expect(failure.field == "path")
      #expect(failure.message.hasPrefix("Argument `path` rejected: "))
      #expect(failure.message.hasSuffix("Got `\(path)`."))
    }
    let failure = try await ground.failure("sandbox_exec", ["command": "true", "cwd": .string(path)])
    #expect(failure.field == "cwd")
  }

  @Test("follow no link, wait for no pipe, and touch nothing outside")
  func links() async throws {
    let ground = try ToolGround()
    let outside = ground.ground.folder.appending(path: "outside")
    try FileManager.default.createDirectory(at: outside, withIntermediateDirectories: false)
    try Data("secret".utf8).write(to: outside.appending(path: "bait"))
    for (name, target) in [
      ("file", "\(outside.path)/bait"), ("folder", outside.path), ("proc", "/proc/self/root"),
    ] {
      try FileManager.default.createSymbolicLink(
        atPath: ground.home.appending(path: name).path, withDestinationPath: target)
    }
    mkfifo(ground.home.appending(path: "pipe").path, 0o600)
    for path in ["file", "folder/bait", "proc/etc/passwd", "pipe"] {
      for (tool, others) in [
        ("sandbox_read_file", [:]), ("sandbox_write_file", ["content": "x"]),
        ("sandbox_edit_file", ["old_string": "s", "new_string": "y"]),
        ("sandbox_search_files", ["pattern": "."]),
      ] as [(String, [String: ToolValue])] {
        let envelope = await ground.call(tool, .object(others.merging(["path": .string(path)]) { $1 }))
        #expect(!envelope.isSuccess || path == "pipe" && tool == "sandbox_search_files", "\(tool) \(path)")
      }
    }
    for path in ["folder/new", "folder/a/b"] {
      #expect(
        try await ground.failure("sandbox_write_file", ["path": .string(path), "content": "x"]).kind
          == .executionError)
    }
    #expect(!(await ground.call("sandbox_delete_file", ["path": "folder/bait"])).isSuccess)
    #expect(!(await ground.call("sandbox_move_file", ["path": "folder/bait", "to": "mine"])).isSuccess)
    #expect(!(await ground.call("sandbox_list_files", ["path": "folder"])).isSuccess)
    // The link itself is the agent's.
    _ = try await ground.result("sandbox_delete_file", ["path": "folder", "recursive": true])
    #expect(try Data(contentsOf: outside.appending(path: "bait")) == Data("secret".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path) == ["bait"])
  }

  @Test("stay inside while a thread exchanges folders for links")
  func race() async throws {
    let ground = try ToolGround()
    let outside = ground.ground.folder.appending(path: "outside")
    try FileManager.default.createDirectory(at: outside, withIntermediateDirectories: false)
    try Data("secret".utf8).write(to: outside.appending(path: "bait"))
    try ground.put("own", at: "d/bait")
    let home = ground.home.path
    symlink(outside.path, "\(home)/l")
    let swapping = Swapping(home)
    for round in 0..<100 {
      let read = await ground.call("sandbox_read_file", ["path": "d/bait"])
      if case .success(let result, _) = read { #expect(result["content"] != "secret") }
      _ = await ground.call("sandbox_write_file", ["path": "d/bait", "content": "own"])
      _ = await ground.call("sandbox_write_file", ["path": .string("d/n\(round)/f"), "content": "own"])
      _ = await ground.call("sandbox_move_file", ["path": "d/bait", "to": .string("d/m\(round)")])
      _ = await ground.call("sandbox_delete_file", ["path": "d", "recursive": true])
      _ = await ground.call("sandbox_write_file", ["path": "d/bait", "content": "own"])
    }
    swapping.stop()
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path) == ["bait"])
    #expect(try Data(contentsOf: outside.appending(path: "bait")) == Data("secret".utf8))
  }

  @Test("change nothing in a workspace that is granted for reading")
  func grants() async throws {
    let ground = try ToolGround(change: { profile in
      let folder = profile.places.folder.deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "project")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data("x".utf8).write(to: folder.appending(path: "f"))
      profile.grants = [try WorkspaceGrant(folder: folder.path, isWritable: false)]
    })
    #expect(try await ground.result("sandbox_read_file", ["path": "/workspace/project/f"])["content"] == "x")
    for (tool, arguments) in [
      ("sandbox_write_file", ["content": "y"]), ("sandbox_delete_file", [:]),
      ("sandbox_edit_file", ["old_string": "x", "new_string": "y"]),
      ("sandbox_move_file", ["to": "/workspace/project/g"]),
    ] as [(String, [String: ToolValue])] {
      let failure = try await ground.failure(
        tool, .object(arguments.merging(["path": "/workspace/project/f"]) { $1 }))
      #expect(failure.kind == .rejected)
    }
    _ = try await ground.result("sandbox_write_file", ["path": "/workspace/shared/s", "content": "y"])
    #expect(
      try await ground.failure("sandbox_move_file", ["path": "/workspace/shared/s", "to": "s"]).field == "to")
  }

  @Test("replace a text only where it is once, and say how often it is there")
  func edits() async throws {
    let ground = try ToolGround()
    try ground.put("a a e\u{301}", at: "f")
    for old in ["a", "x", "é"] {
      let failure = try await ground.failure(
        "sandbox_edit_file", ["path": "f", "old_string": .string(old), "new_string": "y"])
      #expect(failure.field == "old_string")
    }
    _ = try await ground.result(
      "sandbox_edit_file", ["path": "f", "old_string": "a", "new_string": "aa", "replace_all": true])
    #expect(ground.text("f") == "aa aa e\u{301}")
    let both = try await ground.failure(
      "sandbox_write_file", ["path": "f", "content": "x", "old_string": "a", "new_string": "b"])
    #expect(both.kind == .invalidArguments)
    _ = try await ground.result("sandbox_write_file", ["path": "f", "content": ""])
    #expect(ground.text("f") == "")
    #expect(try await ground.failure("sandbox_write_file", ["path": "f"]).kind == .invalidArguments)
  }

  @Test(
    "make nothing that is too long, nor look for long in a text that nearly has what is looked for everywhere"
  )
  func largeEdits() async throws {
    let ground = try ToolGround()
    let text = String(repeating: "a", count: ToolFiles.mostRead)
    try ground.put(text, at: "f")
    let failure = try await ground.failure(
      "sandbox_edit_file", ["path": "f", "old_string": "a", "new_string": .string(text), "replace_all": true])
    #expect(failure.field == "new_string")
    let missing = try await ground.failure(
      "sandbox_edit_file",
      ["path": "f", "old_string": .string(text.prefix(text.count / 2) + "b"), "new_string": ""])
    #expect(missing.field == "old_string")
    #expect(ground.text("f") == text)
  }

  @Test("show no known secret, neither whole nor a part of one at a cut")
  func secrets() async throws {
    let ground = try ToolGround(secrets: ["API": "correct-horse-battery"])
    let lines = String(repeating: "correct-horse-battery\n", count: 3000)
    try ground.put(lines, at: "f")
    for arguments: ToolValue in [
      ["path": "f", "max_chars": 30], ["path": "f"], ["path": "f", "tail_lines": 3],
      ["path": "f", "start_line": 2, "line_count": 2, "max_chars": 7],
    ] {
      let text = await ground.call("sandbox_read_file", arguments).json()
      #expect(!text.contains("horse"))
      #expect(text.contains("REDACTED") || text.contains("[R"))
    }
    let found = await ground.call("sandbox_search_files", ["pattern": "horse"]).json()
    #expect(found.contains("[REDACTED:API]"))
    #expect(!found.contains("correct-horse"))
    let refused = await ground.call("sandbox_read_file", ["path": "../correct-horse-battery"]).json()
    #expect(refused.contains("[REDACTED:API]"))
  }

  @Test("show of a long file its ends, and of one that is no text its size")
  func longFiles() async throws {
    let ground = try ToolGround()
    try ground.put("first\n" + String(repeating: "x", count: 40_000) + "\nlast\n", at: "long")
    let result = try await ground.result("sandbox_read_file", ["path": "long"])
    #expect(result["truncated"] == true)
    #expect(result["size"] == 40_012)
    let content = try #require(result["content"]?.string)
    #expect(content.hasPrefix("first\n"))
    #expect(content.hasSuffix("last\n"))
    #expect(content.contains("[TRUNCATED: 25012 of 40012 chars omitted"))
    try ground.put("a\0b", at: "binary")
    #expect(try await ground.failure("sandbox_read_file", ["path": "binary"]).message.contains("3 bytes"))
    let beyond = try await ground.failure("sandbox_read_file", ["path": "long", "start_line": 9])
    #expect(beyond.field == "start_line")
  }
}

/// A thread that exchanges a folder `d` and a link `l` for as long as it is there.
private final class Swapping: Sendable {
  private let isOver = Flag()

  init(_ home: String) {
    let isOver = isOver
    let thread = Thread {
      while !isOver.isSet {
        rename("\(home)/d", "\(home)/x")
        rename("\(home)/l", "\(home)/d")
        rename("\(home)/d", "\(home)/l")
        rename("\(home)/x", "\(home)/d")
      }
      isOver.end()
    }
    thread.start()
  }

  func stop() { isOver.set() }
}

/// Something that is so from some time on.
final class Flag: Sendable {
  private let seen = DispatchSemaphore(value: 0)
  private let state = Mutex(false)

  var isSet: Bool { state.withLock { $0 } }
  func end() { seen.signal() }
  /// Sets it, and waits until who looks at it has seen it.
  func set() {
    state.withLock { $0 = true }
    seen.wait()
  }
}
