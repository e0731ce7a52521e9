import Foundation
import Testing

@testable import Discovery

@Suite("The name of an agent's service")
struct InstanceNameTests {
  private func name(_ agent: String) -> String { InstanceName(agent: agent, id: Samples.id).text }

  @Test("is the agent's name and its whole id in upper case")
  func plain() { #expect(name("Ada") == "Ada@5E2B0A4C-7F1D-4C39-9D0E-1A2B3C4D5E6F") }

  @Test(
    "fits into a label of 63 bytes, cut at a character",
    arguments: [
      ("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz"),
      ("abcdefghijklmnopqrstuvwxyz1", "abcdefghijklmnopqrstuvwxyz"),
      ("abcdefghijklmnopqrstuvwxyé", "abcdefghijklmnopqrstuvwxy"),
      ("Zoë und die Königin der Nacht", "Zoë und die Königin der "),
      (String(repeating: "👩‍👩‍👧‍👦", count: 3), "👩‍👩‍👧‍👦"),
      ("👩🏽‍❤️‍💋‍👨🏽 Ada", ""),
    ])
  func cut(agent: String, kept: String) {
    #expect(name(agent) == "\(kept)@\(Samples.id.uuidString)")
    #expect(name(agent).utf8.count <= 63)
  }

  @Test("has no control characters")
  func controls() { #expect(name("A\u{0}d\u{1b}a\n") == "Ada@\(Samples.id.uuidString)") }
}
