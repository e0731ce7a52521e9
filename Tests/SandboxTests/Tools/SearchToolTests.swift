import Foundation
import Testing

@testable import Sandbox

@Suite("Tools that search")
struct SearchToolTests {
  @Test("find lines with their places, and what is around them")
  func lines() async throws {
    let ground = try ToolGround()
    try ground.put("one\nTwo words\nthree\n", at: "a/f.txt")
    try ground.put("two:2\n", at: "b c/g-1.md")
    let result = try await ground.result(
      "sandbox_search_files", ["pattern": "^two", "case_insensitive": true])
    let matches = try #require(result["matches"]?.elements)
    #expect(matches.count == 2)
    #expect(
      matches.contains(["path": .string("\(ground.place)/a/f.txt"), "line": 2, "text": "Two words"]))
    #expect(matches.contains(["path": .string("\(ground.place)/b c/g-1.md"), "line": 1, "text": "two:2"]))
    #expect(result["truncated"] == nil)
    let around = try await ground.result(
      "sandbox_search_files", ["pattern": "Two", "path": "a", "context_lines": 1, "include": "*.txt"])
    #expect(around["matches"]?.elements?.map { $0["line"] } == [1, 2, 3])
    #expect(around["matches"]?.elements?.map { $0["context"] } == [true, nil, true])
    let none = try await ground.result("sandbox_search_files", ["pattern": "absent"])
    #expect(none["matches"] == [])
    let few = try await ground.result("sandbox_search_files", ["pattern": ".", "max_results": 2])
    #expect(few["matches"]?.elements?.count == 2)
    #expect(few["truncated"] == true)
  }

  @Test("find files by their names")
  func names() async throws {
    let ground = try ToolGround()
    try ground.put("1", at: "a/one.txt")
    try ground.put("22", at: "a/two.TXT")
    let files = try await ground.result("sandbox_search_files", ["pattern": "*.txt", "target": "files"])
    #expect(files["matches"] == [.string("\(ground.place)/a/one.txt")])
    let part = try await ground.result(
      "sandbox_search_files", ["pattern": "TW", "target": "files", "case_insensitive": true])
    #expect(part["matches"] == [.string("\(ground.place)/a/two.TXT")])
    let found = try await ground.result("sandbox_find_files", ["type": "file", "min_size": 2])
    #expect(
      found["entries"] == [
        ["name": "two.TXT", "path": .string("\(ground.place)/a/two.TXT"), "type": "file", "size": 2]
      ])
    let folders = try await ground.result("sandbox_find_files", ["type": "directory", "max_depth": 1])
    #expect(folders["entries"]?.elements?.map { $0["name"] } == ["a"])
  }

  @Test("take no pattern for an option, a program or a file")
  func options() async throws {
    let ground = try ToolGround()
    try ground.put("x --pre=touch made\n-exec touch made ;\n-f\n", at: "f")
    for pattern in ["--pre=touch made", "-exec touch", "-f", "-delete", "--include=/etc/passwd", "-R"] {
      for target in ["content", "files"] {
        let envelope = await ground.call(
          "sandbox_search_files", ["pattern": .string(pattern), "target": .string(target)])
        #expect(envelope.isSuccess)
      }
    }
    for include in ["-delete", "*'; touch made; '", "$(touch made)"] {
      for target in ["content", "files"] {
        _ = await ground.call(
          "sandbox_search_files", ["pattern": "x", "include": .string(include), "target": .string(target)])
      }
      _ = await ground.call("sandbox_find_files", ["name": .string(include)])
    }
    #expect(try ground.names() == ["f"])
    for pattern in ["(", "a{2,1}", "[z-a]"] {
      let failure = try await ground.failure("sandbox_search_files", ["pattern": .string(pattern)])
      #expect(failure.kind == .invalidArguments)
      #expect(failure.field == "pattern")
    }
  }

  @Test("end in bounded time whatever the expression is, and in bounded output however much fits")
  func bounds() async throws {
    let ground = try ToolGround()
    try ground.put(String(repeating: "a", count: 20_000) + "b\n", at: "f")
    let begin = ContinuousClock.now
    for pattern in ["(a+)+$", "(a|aa)+$", "(a*)*c", "(.*)*(.*)*(.*)*x"] {
      _ = await ground.call("sandbox_search_files", ["pattern": .string(pattern)])
    }
    #expect(ContinuousClock.now - begin < SandboxLook.time * 4 + .seconds(60))
    try ground.put(String(repeating: "line of a file with words\n", count: 100_000), at: "g")
    let result = try await ground.result("sandbox_search_files", ["pattern": "words", "max_results": 500])
    #expect(result["truncated"] == true)
    #expect(result.json.utf8.count < 60_000)
  }
}
