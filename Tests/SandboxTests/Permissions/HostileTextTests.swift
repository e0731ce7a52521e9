import Foundation
import Testing

@testable import Sandbox

@Suite("Texts that are meant to mislead the judge")
struct HostileTextTests {
  /// The same every time.
  private struct Chance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }

  private static func quoted(_ word: String, _ chance: inout Chance) -> String {
    word.map { character in
      switch Int.random(in: 0..<7, using: &chance) {
      case 0: "\\\(character)"
      case 1: "'\(character)'"
      case 2: "\"\(character)\""
      case 3: "$'\\x\(String(character.asciiValue!, radix: 16))'"
      case 4: "''\(character)\"\""
      case 5: "\\\n\(character)"
      default: String(character)
      }
    }.joined()
  }

  @Test("however the name of a program is quoted, it is the same program")
  func quoting() async throws {
    let ground = try Ground()
    var chance = Chance(state: 20_261_121)
    for _ in 0..<12 {
      let words = ["rm", "/bin/rm", "shred", "/usr/bin/rmdir", "unlink", "truncate", "rm", "mkfs.vfat"]
      let text = words.map { "\(Self.quoted($0, &chance)) \(Self.quoted("some-file", &chance))" }
        .joined(separator: "\n")
      let needs = try await ground.needs(text)
      #expect(needs.map(\.permission) == [.destructiveCommand], "\(text)")
      #expect(needs.first?.evidence.count == words.count, "\(text)")
    }
  }

  @Test("what no shell would run is refused and not judged")
  func refusals() async throws {
    let ground = try Ground()
    await #expect(throws: JudgeRefusal.empty) { try await ground.needs(" \n\t") }
    await #expect(throws: JudgeRefusal.empty) { try await ground.judge.needs(of: CommandDraft(.words([]))) }
    await #expect(throws: JudgeRefusal.zeroByte) { try await ground.needs("ls\0rm") }
    await #expect(throws: JudgeRefusal.tooLong) {
      try await ground.needs("ls " + String(repeating: "a", count: 64 << 10))
    }
    for text in ["if", "ls '", "echo $(", "ls )", "a() {", "cat < ", "rm x | | y", "case a in"] {
      do {
        _ = try await ground.needs(text)
        Issue.record("\(text) was judged")
      } catch JudgeRefusal.syntax(let words, let line, _) {
        #expect(!words.isEmpty && line != nil)
      } catch {
        Issue.record("\(text): \(error)")
      }
    }
  }

  @Test("a text of too many parts or too deep is refused")
  func complexity() async throws {
    let ground = try Ground()
    await #expect(throws: JudgeRefusal.tooComplex) {
      try await ground.needs(String(repeating: "a;", count: 30_000))
    }
    for (opening, closing) in [("$(", ")"), ("(", ")"), ("{ ", ";}"), ("\"$(", ")\"")] {
      let text =
        String(repeating: opening, count: 3000) + "rm x" + String(repeating: closing, count: 3000)
      await #expect(throws: JudgeRefusal.self) { try await ground.needs(text) }
    }
  }

  @Test("texts in texts are read to a depth and a number, and beyond that may be anything")
  func nesting() async throws {
    let ground = try Ground()
    #expect(try await ground.needs("sh -c 'eval \"sh -c ls\"'") == [])
    var deep = "ls"
    for _ in 0..<6 { deep = "eval \(CommandDraft(.words([deep])).text)" }
    #expect(Set(try await ground.needs(deep).map(\.permission)) == [.shellExpansion, .destructiveCommand])
    let many = (0..<20).map { "sh -c 'ls \($0)'" }.joined(separator: "\n")
    #expect(Set(try await ground.needs(many).map(\.permission)) == [.shellExpansion, .destructiveCommand])
  }

  @Test("control characters, other alphabets and broken UTF-8 are characters of words")
  func characters() async throws {
    let ground = try Ground()
    #expect(try await ground.needs("echo \u{1b}[2J \u{202e} \u{7f} ü 🦕") == [])
    #expect(try await ground.needs("rm\u{301} x") == [])
    let broken = String(
      decoding: [0x6c, 0x73, 0x20, 0xff, 0xfe, 0x0a, 0x72, 0x6d, 0x20, 0x78], as: UTF8.self)
    #expect(try await ground.needs(broken).map(\.permission) == [.destructiveCommand])
  }

  @Test("where the grammar is missing or fails, a text may need everything that a text can need")
  func unread() async throws {
    let ground = try Ground()
    var parser = ground.judge.parser
    for candidates in [[], ["/usr/bin/true"], ["/usr/bin/false"], ["/usr/bin/env"]] {
      parser.candidates = candidates
      let judge = CommandJudge(profile: ground.profile, parser: parser)
      let needs = try await judge.needs(of: CommandDraft(.shell("ls")))
      #expect(needs.count == 6, "\(candidates)")
      #expect(needs.allSatisfy { $0.evidence.first?.reason.contains("shfmt") == true })
      #expect(try await judge.needs(of: CommandDraft(.words(["ls"]))) == [])
    }
  }

  @Test("a tree that is not understood is no tree")
  func trees() throws {
    for json in [
      "", "{", "[]", "{\"Stmts\":[{\"Cmd\":3}]}x", "{\"Stmts\":[7]}", "{\"Pos\":{\"Offset\":\"a\"}}",
    ] {
      guard case .tree = ShellParser.tree(Array(json.utf8)) else { continue }
      Issue.record("\(json) was taken")
    }
    let deep = String(repeating: "{\"a\":[", count: 300) + String(repeating: "]}", count: 300)
    guard case .refused(.tooComplex) = ShellParser.tree(Array(deep.utf8)) else {
      Issue.record("a deep tree was taken")
      return
    }
  }
}
