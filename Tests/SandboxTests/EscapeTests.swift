import Foundation
import Testing

@testable import Sandbox

@Suite("The ways out of a sandbox")
struct EscapeTests {
  private let suite = EscapeSuite(in: URL(filePath: "/tmp"))
  private static let isRoot = geteuid() == 0

  @Test("are many, by programs and by scripts, each with a name of its own")
  func many() {
    #expect(EscapeAttempt.all.count >= 80)
    #expect(Set(EscapeAttempt.all.map(\.name)).count == EscapeAttempt.all.count)
    for form in [EscapeAttempt.Form.program, .script] {
      #expect(EscapeAttempt.all.count { $0.form == form } >= 80)
    }
  }

  @Test("are all shut", arguments: EscapeAttempt.all)
  func shut(attempt: EscapeAttempt) async throws {
    #expect(try await suite.outcome(of: attempt, leavingOut: []) != .escaped)
  }

  @Test(
    "are open without the layer that shuts them, so that the attempts are known to tell",
    arguments: EscapeAttempt.all)
  func open(attempt: EscapeAttempt) async throws {
    switch attempt.opening {
    case .without(let layers):
      #expect(try await suite.outcome(of: attempt, leavingOut: layers) == .escaped)
    case .openProxy:
      #expect(try await suite.outcome(of: attempt, leavingOut: [], opensProxy: true) == .escaped)
    case .outside:
      #expect(try suite.outcomeOutside(of: attempt) == .escaped)
    case .outsideAsRoot:
      if Self.isRoot { #expect(try suite.outcomeOutside(of: attempt) == .escaped) }
    case .whereItExists:
      // This machine may not have it; then the attempt has nothing to tell.
      _ = try suite.outcomeOutside(of: attempt)
    }
  }
}
