import Foundation
import Testing

@testable import Sandbox

@Suite("A path that a model wrote")
struct SandboxPathTests {
  private let reachable = SandboxPath.Reachable(
    home: "/workspace/agents/agent-x", others: ["/workspace/shared", "/workspace/project"])

  private func refusal(_ text: String) -> PathRefusal? {
    do {
      _ = try SandboxPath(text, in: reachable)
      return nil
    } catch {
      return error
    }
  }

  @Test(
    "is taken where it names a place of the agent",
    arguments: [
      ("a/b.txt", "/workspace/agents/agent-x/a/b.txt"), ("~", "/workspace/agents/agent-x"),
      ("~/a", "/workspace/agents/agent-x/a"), ("./a//b/.", "/workspace/agents/agent-x/a/b"),
      ("/workspace/agents/agent-x", "/workspace/agents/agent-x"),
      ("/workspace/shared/f", "/workspace/shared/f"),
      ("/workspace//project/a b", "/workspace/project/a b"), ("~x/a", "/workspace/agents/agent-x/~x/a"),
      ("ünïcode/ファイル", "/workspace/agents/agent-x/ünïcode/ファイル"),
      ("a<b>*?!#", "/workspace/agents/agent-x/a<b>*?!#"),
    ])
  func taken(text: String, path: String) throws {
    #expect(try SandboxPath(text, in: reachable).text == path)
  }

  @Test("is refused with the first reason that holds")
  func reasons() {
    #expect(refusal("")?.reason == "path is empty")
    for text in ["..", "a/../b", "a..b", "/workspace/shared/..", "..;"] {
      #expect(refusal(text)?.reason == "path contains `..` (path traversal not allowed)")
    }
    #expect(refusal("a\0b")?.reason == "path contains a NUL byte")
    for character in ";|&$`(){}'\"\\" {
      #expect(refusal("a\(character)b")?.reason == "path contains the disallowed character `\(character)`")
    }
    #expect(refusal("a\nb")?.reason == "path contains the disallowed character `newline`")
    #expect(refusal("a\u{1b}b") == .character("control character"))
    #expect(
      refusal("/etc/passwd")?.reason == "absolute path is outside the agent home and `/workspace/shared`")
  }

  @Test(
    "cannot hide a quote behind what joins with it",
    arguments: ["\u{301}", "\u{200d}", "\u{fe0f}", "\u{20e3}"])
  func joined(mark: String) {
    for character in ["'", "\"", "$", "`", ";", "\\"] {
      #expect(refusal("a\(character)\(mark)b") == .character(character))
    }
    #expect(refusal(".\(mark)./a") == nil)
    #expect(refusal("\r\n") == .character("carriage return"))
  }

  @Test(
    "is not taken for one in a folder whose name only begins the same",
    arguments: [
      "/workspace/agents/agent-x2/f", "/workspace/shared-evil/f", "/workspace/projects", "/workspace",
      "/workspace/agents",
    ])
  func neighbours(text: String) {
    #expect(refusal(text) == .outside)
  }
}

@Suite("A folder of a sandbox, from this machine")
struct SandboxFolderTests {
  @Test("gives and takes the files that are in it")
  func plain() throws {
    let ground = try Ground()
    try ground.profile.places.prepare()
    let folder = try SandboxFolder(ground.home.path)
    try folder.write(Array("text".utf8), to: ground.path("note"))
    #expect(try folder.read(ground.path("note"), limit: 3) == Array("tex".utf8))
    try folder.write(Array("t".utf8), to: ground.path("note"))
    #expect(try folder.read(ground.path("note"), limit: 100) == Array("t".utf8))
  }

  @Test("follows no link, wherever on the way it is, and opens nothing but plain files")
  func links() throws {
    let ground = try Ground()
    try ground.profile.places.prepare()
    let outside = ground.folder.appending(path: "outside")
    try Data("secret".utf8).write(to: outside)
    for (link, target) in [
      ("file", outside.path), ("folder", ground.folder.path), ("self", "/proc/self/root"),
    ] {
      try FileManager.default.createSymbolicLink(
        atPath: ground.home.appending(path: link).path, withDestinationPath: target)
    }
    mkfifo(ground.home.appending(path: "pipe").path, 0o600)
    let folder = try SandboxFolder(ground.home.path)
    for name in ["file", "folder/outside", "self/etc/passwd", "pipe", ".", "absent"] {
      let path = try ground.path(name)
      #expect(throws: SandboxError.self) { try folder.read(path, limit: 10) }
    }
    for name in ["file", "folder/new"] {
      let path = try ground.path(name)
      #expect(throws: SandboxError.self) { try folder.write([1], to: path) }
    }
    #expect(try Data(contentsOf: outside) == Data("secret".utf8))
  }

  @Test("is not left while a command exchanges a folder in it for a link")
  func race() async throws {
    let ground = try Ground()
    try Data("secret".utf8).write(to: ground.folder.appending(path: "bait"))
    let script =
      "mkdir d; echo own > d/bait; ln -s '\(ground.folder.path)' l; while :; do mv -T d x; mv -T l d; mv -T d l; mv -T x d; done"
    let session = try ground.start(["sh", "-c", script])
    let inner = ground.home.appending(path: "d").path
    try await eventually { FileManager.default.fileExists(atPath: inner) }
    let folder = try SandboxFolder(ground.home.path)
    let path = try ground.path("d/bait")
    for _ in 0..<20_000 {
      if let bytes = try? folder.read(path, limit: 10) { #expect(bytes != Array("secret".utf8)) }
    }
    session.terminate()
    _ = try await session.result()
  }
}

@Suite("A workspace")
struct WorkspaceGrantTests {
  @Test(
    "is no folder of the system, no whole home, and none with keys in it",
    arguments: [
      "/", "/etc", "/usr/share", "/proc", "/home", "/root", "/dev/shm", "/run", "relative", "/no/such/folder",
      "/etc/passwd",
    ])
  func refused(path: String) {
    #expect(throws: SandboxError.self) { try WorkspaceGrant(folder: path, isWritable: false) }
  }

  @Test("is named by the folder that it is, has a plain name, and lies in no other one")
  func names() throws {
    let ground = try Ground()
    let inner = ground.folder.appending(path: "a/b")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
    let keys = ground.folder.appending(path: ".ssh")
    try FileManager.default.createDirectory(at: keys, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: ground.folder.appending(path: "link").path, withDestinationPath: inner.path)
    let linked = try WorkspaceGrant(folder: ground.folder.appending(path: "link").path, isWritable: true)
    #expect(linked.folder == inner.path)
    #expect(linked.place == "/workspace/b")
    #expect(throws: SandboxError.self) {
      try WorkspaceGrant(folder: keys.path, name: "keys", isWritable: true)
    }
    for name in ["shared", "agents", "..", "a/b", "", ".hidden", "a b"] {
      #expect(throws: SandboxError.self) {
        try WorkspaceGrant(folder: inner.path, name: name, isWritable: true)
      }
    }
    let outer = try WorkspaceGrant(folder: ground.folder.appending(path: "a").path, isWritable: true)
    ground.profile.grants = [outer, linked]
    #expect(throws: SandboxError.self) { try ground.launcher() }
    ground.profile.grants = [try WorkspaceGrant(folder: ground.folder.path, name: "all", isWritable: true)]
    #expect(throws: SandboxError.self) { try ground.launcher() }
  }
}
